// A fill: one fetch of one digest, streamed to everybody who waits for it, verified, committed. It outlives its askers.
//
// - claimed → running ⇄ stalled: the window has no room, or the store takes nothing
// - running → verified → committing → committed | unstored → ended
// - claimed | running → moved: another worker goes on
// - claimed | running → failed
//
// Its bytes are segments, kept by `../spool`. Upstream is asked by `../fetch`; the room is shared by `../room`.
import type { BlobStore } from '@cistern/blob-store';
import { CacheError } from '@cistern/errors';
import type { CrcTable, Digest, RepositoryName } from '@cistern/oci';
import type { Logger } from '@cistern/telemetry';
import type { BlobRequestOptions, Upstream } from '@cistern/upstream';
import type { SourceReader } from '@cistern/streams';
import type { FillConnections } from '../fetch/connection-control.ts';
import { type SegmentFetch, createSegmentFetch, isNoRange, nearBytes } from '../fetch/fetch-segments.ts';
import { type SideReads, createSideReads } from '../fetch/side-reads.ts';
import { type Checkpoint, createCheckpoints, resumeFrom } from './checkpoints.ts';
import { type FillBody, createFillBody, movedElsewhere } from './fill-body.ts';
import { type Followers, createFollowers, openFillReader } from './followers.ts';
import { type SegmentHash, createSegmentHash } from './hash-segments.ts';
import { type FirstAnswer, firstRange, openFirst } from './open-first.ts';
import type { OpenSavableHash } from './savable-hash.ts';
import { type Segment, type Segments, createSegments } from '../spool/segments.ts';
import type { Spool, SpoolDirectory } from '../spool/spool-directory.ts';
import { type SegmentStore, createSegmentStore } from './store-segments.ts';

export interface FillOptions {
  readonly fillId: string;
  readonly digest: Digest;
  /** Where its bytes come from. */
  readonly upstream: Pick<Upstream, 'name' | 'getBlob' | 'headBlob'>;
  readonly repository: RepositoryName;
  /** From the link, where a manifest said it. */
  readonly expectedSize: number | undefined;
  /** The size that the replaced fill has learned: upstream is not asked for it again. */
  readonly takenOverSize?: number | undefined;
  /** The first asker waits for the bytes from here on. */
  readonly from: number;
  readonly toExclusive: number | undefined;
  /** Called when the blob is verified and the store refuses it, for now or for good. */
  readonly onRefused?: (() => void) | undefined;
  /** Called with the number of bytes that came by reads beside the fill. */
  readonly onSideBytes?: ((bytes: number) => void) | undefined;
  /** Larger blobs are not fetched whole for the sake of a small range. */
  readonly maxWholeForRangeBytes: number;
  readonly store: BlobStore;
  readonly spools: SpoolDirectory;
  /** Default: one connection is open at a time, and another one for readers ahead. */
  readonly connect?: ((host: string) => FillConnections) | undefined;
  readonly log: Logger;
  /** Ends the fill: where others may go on with it, by handing it over. */
  readonly signal: AbortSignal;
  readonly mayMove?: boolean;
  /** Whether another worker goes on after this failure, which is this worker's own. */
  readonly handsOn?: ((error: unknown) => Promise<boolean>) | undefined;
  /** Looks whether another worker has taken the fill over, and calls `handOver` then. True: none has. */
  readonly lookForSuccessor?: (() => Promise<boolean>) | undefined;
  /** Hashes blobs that are larger than their part in the spool: other workers go on with such fills. Absent: no worker does. */
  readonly openHash?: OpenSavableHash | undefined;
  /** An earlier fill of `takenOverSize` bytes left it. */
  readonly checkpoint?: Checkpoint | undefined;
}

export interface Fill {
  readonly fillId: string;
  readonly digest: Digest;
  /** Resolves with the blob's size once upstream has answered and followers can read; rejects with the failure. */
  readonly running: Promise<number>;
  /**
   * Resolves when the blob is committed. Or it has been left: only ranges of it were wanted and the last reader is gone, or the store
   * does not take it. Or it has moved, and no reader needs its bytes here. Rejects with the failure. Readers that opened it before may
   * still read.
   */
  readonly ended: Promise<'committed' | 'left' | 'moved'>;
  /** A follower at any offset; only after `running`. `undefined` once it has ended, however it did. */
  open(range: FillRange): SourceReader | undefined;
  /**
   * For the worker that takes the fill over: the bytes that are here at `from`, unverified. This fill then fetches no more. Unset means
   * that there are none.
   */
  openPresent(from: number): Promise<{ readonly endExclusive: number; readonly reader: SourceReader } | undefined>;
  /** Unset means that upstream has not answered yet. */
  readonly size: number | undefined;
  /** Unset until the blob has been verified. */
  readonly table: CrcTable | undefined;
  /** The newest one of a large blob. */
  readonly checkpoint: Checkpoint | undefined;
  /** Bytes that have come, verified or not. */
  readonly presentBytes: number;
  readonly activity: FillActivity;
  /** The number of its readers. */
  readonly readers: number;
  /** Whether followers may come. */
  readonly isOpen: boolean;
  /** The index has the committed blob: readers that lack bytes go on in the store. */
  release(): void;
  /** Another worker owns the digest now. Fetches no more; readers go there once they have had these bytes. */
  handOver(): void;
}

/** How it goes, for those who watch. */
export interface FillActivity {
  readonly segments: number;
  readonly storedSegments: number;
  /** Bodies that upstream sends for it now. */
  readonly connections: number;
  /** Reads of bytes that are not in its window. */
  readonly sideReads: number;
}

export interface FillRange {
  readonly from: number;
  readonly toExclusive: number;
  /** Whether the blob's end is withheld from this follower until the whole is verified: it then wants the whole. */
  readonly verified: boolean;
}

/** How long a fill that only serves ranges waits for another reader. */
const rangeIdleMs = 30_000;
/** A fill that is not stored, or has moved, keeps its bytes for so long after its last reader. */
const quietMs = 2_000;
const longestMs = 15_000;
/** After upstream has failed to give bytes beside the fill, none are asked for. */
const besideRestMs = 10_000;
/** A committed fill keeps its segments for so long, unless their room is wanted. */
const keptMs = 10_000;
/** A store that takes nothing for as long does not hold up a fill that is larger than what may be kept of it. */
const storeRefusesMs = 10_000;
/** A body without a length is refused beyond this. */
const maxUnknownBytes = 1024 * 1024 * 1024;
/** A ranged GET beside another one brings at most this share of the window, but not less than so many bytes. */
const leastRangeBytes = 64 * 1024 * 1024;
const rangeShare = 1 / 8;

export function startFill(options: FillOptions): Fill {
  const { digest, fillId, upstream, repository, takenOverSize, store, spools, log } = options;
  // By hand, not by AbortSignal.any: the worker's signal may outlive a million fills.
  const stopping = new AbortController();
  const { signal } = stopping;
  const { promise: running, resolve: resolveRunning, reject: failRunning } = Promise.withResolvers<number>();
  /** Whether the whole is wanted, once that is known. */
  const whole = Promise.withResolvers<boolean>();
  const followers = createFollowers();
  let wholeWanted = false;
  let spool: Spool | undefined;
  let body: FillBody | undefined;
  let fetch: SegmentFetch | undefined;
  let sides: SideReads | undefined;
  let storing: SegmentStore | undefined;
  let progressed: (() => void) | undefined;
  let hash: SegmentHash | undefined;
  let newestCheckpoint: (() => Checkpoint | undefined) | undefined;
  /** Once it runs. */
  let size: number | undefined;
  /** Before, readers wait for what is not here. */
  let besideFromMs = 0;
  let isCommitted = false;
  let hasEnded = false;
  let hasMoved = false;

  const onStopped = () => {
    // A verified blob only waits for the store, and would for a long time.
    if (options.mayMove === true && body?.verified !== true) handOver();
    else stopping.abort(options.signal.reason);
  };

  const setRunning = (bytes: number) => {
    size = bytes;
    resolveRunning(bytes);
  };

  const wantWhole = () => {
    wholeWanted = true;
    followers.stopWatching();
    whole.resolve(true);
  };

  const get = (range: BlobRequestOptions) => upstream.getBlob(repository, digest, { signal, ...range });

  /** Who lacks bytes can wait for them: in the end they are in the store. */
  const isToBeStored = () => wholeWanted && storing?.isGivenUp !== true;

  /** Unset means that the reader waits: the bytes come into the spool, or upstream has no ranges. */
  const openBeside = (from: number, end: number, verified: boolean): SourceReader | undefined => {
    const { segments } = body!;
    const segment = segments.holding(from);
    if (!segment.isFreed && segment.start < (hash?.position ?? 0) + spools.perFillBytes) {
      const isComing = verified ? (fetch?.want(from) ?? true) : (fetch?.brings(from) ?? false);
      if (isComing) return undefined;
    }
    const mayAsk = besideFromMs !== Infinity && fetch?.mayGetRanges !== false;
    if (!isToBeStored() && !mayAsk && segment.isFreed)
      throw new CacheError('store-unavailable', 'The spool keeps no more of the blob, and the store takes nothing.', {
        retryable: true,
      });
    if (sides === undefined || !mayAsk) return undefined;
    const next = nextPresent(segments, segment, sides.endOf(from, end));
    const isEnough = performance.now() < besideFromMs || sides.askedBytes + next - from > segments.size;
    if (isToBeStored() && isEnough) return undefined;
    return sides.open(from, next);
  };

  const freeOne = (isForItself: boolean): boolean => {
    if (body === undefined || storing === undefined || spools.isOneFile) return false;
    const { segments } = body;
    const free = (segment: Segment) => {
      segments.free(segment).catch((error: unknown) => log.warn({ err: error }, 'a segment was not removed'));
    };
    // Its readers go on in the store, or where it has moved.
    if (isCommitted || (hasEnded && hasMoved)) {
      const kept = [...segments].filter(({ isFreed, release }) => !isFreed && release !== undefined);
      body.clear();
      for (const segment of kept) free(segment);
      return kept.length > 0;
    }
    const isLarge = segments.size > spools.perFillBytes;
    if ((isLarge || isForItself) && storing.failingForMs >= storeRefusesMs)
      storing.giveUp(
        new CacheError('store-unavailable', 'The store took nothing, and the spool keeps no more of the blob.'),
      );
    const least = leastNeeded(segments, storing.isGivenUp, followers);
    if (least === undefined) return false;
    free(least);
    return true;
  };

  const openSpool = (bytes: number) => {
    const opened = spools.open({ name: fillId, size: bytes });
    const segments = createSegments({
      size: bytes,
      segmentBytes: opened.segmentBytes,
      files: opened.files,
      hasSha256: store.wantsSha256 === true && !spools.isOneFile,
    });
    spool = opened;
    body = createFillBody(segments);
    return { spool: opened, body, segments };
  };

  /** Fetches, hashes and stores all of it. */
  const fetchWhole = async (filling: FillBody, { files, enter }: Spool, answer: FirstAnswer): Promise<boolean> => {
    const { segments } = filling;
    const isSizeUnknown = answer.size === undefined;
    const writtenBytes = () => segments.onDiskBytes;
    const room = await enter({ isSizeUnknown, freeOne, writtenBytes, signal }).catch((error: unknown) => {
      if (answer.range === undefined) answer.first?.close();
      throw error;
    });
    const openHash = isSizeUnknown || segments.size <= spools.perFillBytes ? undefined : options.openHash;
    const resumed =
      openHash &&
      options.checkpoint &&
      (await resumeFrom(options.checkpoint, { store, digest, segments, openHash, log }));
    const savable = resumed?.savable ?? (await openHash?.(digest, segments));
    const hashing = createSegmentHash({ digest, segments, savable, onHashed: room.progressed, signal });
    hash = hashing;
    const storingNow = createSegmentStore({
      ...{ store, digest, segments, files, resumed: resumed?.upload, log, signal },
      onChange() {
        room.progressed();
        filling.wake();
      },
      onRefused: () => options.onRefused?.(),
    });
    storing = storingNow;
    ({ progressed } = room);
    if (savable !== undefined) {
      const first = resumed && options.checkpoint;
      newestCheckpoint = createCheckpoints({ segments, hash: hashing, upload: () => storingNow.upload, first });
    }
    const append = async (offset: number, chunks: readonly Buffer[]) => {
      signal.throwIfAborted();
      const appended = segments.append(offset, chunks);
      hashing.offer(offset, chunks);
      await appended.catch((error: unknown) => {
        stopping.abort(error);
        throw error;
      });
      const segment = segments.holding(offset);
      if (segment.isComplete && !isSizeUnknown) storingNow.add(segment);
      filling.wake();
      // An error here comes again at the end.
      void hashing.catchUp().catch(() => {});
    };
    const rangeBytes = Math.max(leastRangeBytes, Math.floor(Math.min(spools.perFillBytes, segments.size) * rangeShare));
    fetch = createSegmentFetch({
      ...{ segments, room, get, append, rangeBytes, isSizeUnknown, signal },
      connect: options.connect,
      onChange: filling.wake,
    });
    if (!isSizeUnknown) setRunning(segments.size);
    const fetching = fetch.all(answer.range === undefined ? answer.first : undefined);
    // The reader of a lost fill waits here; fetched first, the bytes are not fetched twice.
    const isAhead = takenOverSize !== undefined && options.from > nearBytes;
    if (isAhead && !segments.holding(options.from).isComplete) fetch.want(options.from);
    await fetching;
    setRunning(segments.size);
    if (isSizeUnknown) for (const segment of segments) storingNow.add(segment);
    await hashing.catchUp();
    const actual = await hashing.digest();
    if (actual !== digest)
      throw new CacheError(
        'content-mismatch',
        `Upstream ${upstream.name} sent bytes with digest ${actual} for ${digest}.`,
        { retryable: true },
      );
    filling.markVerified();
    isCommitted = await storingNow.commit();
    room.hasEnded();
    return isCommitted;
  };

  const run = async (): Promise<'committed' | 'left'> => {
    await admit(options);
    const answer = await openFirst({ ...options, signal });
    const { range, first } = answer;
    const mostBytes = answer.size ?? Math.min(maxUnknownBytes, spools.perFillBytes);
    const opened = openSpool(mostBytes);
    sides = createSideReads({
      size: mostBytes,
      get,
      first: range && { body: first!, endExclusive: range.toExclusive },
      onBytes: (bytes) => options.onSideBytes?.(bytes),
      onFailed(error) {
        if (isNoRange(error)) wantWhole();
        if (isNoRange(error)) besideFromMs = Infinity;
        // Where nothing is stored, nothing else wakes the reader.
        else if (isToBeStored()) besideFromMs = performance.now() + besideRestMs;
        return isToBeStored();
      },
    });
    if (range !== undefined) setRunning(mostBytes);
    if (range === undefined || mostBytes <= options.maxWholeForRangeBytes) wantWhole();
    else if (!wholeWanted) followers.watchIdle(rangeIdleMs, () => leave());
    if (!(await whole.promise)) return 'left';
    if (await fetchWhole(opened.body, opened.spool, answer)) return 'committed';
    // A reader that waited for it may be about to open it, and no other place has it.
    options.onRefused?.();
    await followers.gone(quietMs, longestMs, options.signal);
    return 'left';
  };

  const handOver = () => {
    if (hasEnded || body?.verified) return;
    hasMoved = true;
    body?.markMoved();
    stopping.abort(movedElsewhere());
  };

  const leave = () => {
    hasEnded = true;
    whole.resolve(false);
  };

  /** Another worker may be at the upload that a checkpoint names. If none goes on with it, the sweeper ends it. */
  const dropStored = async () => {
    const isOwn = newestCheckpoint?.() === undefined || (!hasMoved && (await options.lookForSuccessor?.()) === true);
    await (isOwn ? storing?.abort() : storing?.leave());
  };

  /** Followers that still read keep the spool, but for what is stored: they go on there, soon. */
  const close = () => {
    const kept = isCommitted && !spools.isOneFile ? setTimeout(() => freeOne(true), keptMs) : undefined;
    if (!isCommitted) {
      void dropStored();
      // Readers that lack bytes ask for another fill.
      body?.markMoved();
    }
    followers.whenNone(() => {
      clearTimeout(kept);
      Promise.all([sides?.close(), spool?.close()]).catch((error: unknown) =>
        log.warn({ err: error }, 'spool not closed'),
      );
    });
  };

  if (options.signal.aborted) onStopped();
  else options.signal.addEventListener('abort', onStopped, { once: true });
  signal.addEventListener('abort', () => whole.reject(signal.reason), { once: true });
  const ended = run()
    .catch(async (error: unknown) => {
      failRunning(error);
      if (body?.verified === false && !hasMoved && (await options.handsOn?.(error)) === true) {
        hasMoved = true;
        body.markMoved();
      }
      if (hasMoved && body !== undefined && !body.failed) {
        sides?.end(movedElsewhere());
        await followers.gone(quietMs, longestMs, options.signal);
        return 'moved' as const;
      }
      hasEnded = true;
      body?.fail(error);
      sides?.end(error);
      throw error;
    })
    .finally(() => {
      hasEnded = true;
      followers.stopWatching();
      fetch?.close();
      hash?.close();
      options.signal.removeEventListener('abort', onStopped);
      stopping.abort();
      close();
    });
  running.catch(() => {});
  ended.catch(() => {});
  whole.promise.catch(() => {});

  return {
    fillId,
    digest,
    running,
    ended,
    get size() {
      return size;
    },
    get table() {
      return body?.verified === true ? body.segments.table : undefined;
    },
    get checkpoint() {
      return newestCheckpoint?.();
    },
    get presentBytes() {
      return body?.segments.fetchedBytes ?? 0;
    },
    get activity() {
      const segments = body === undefined || size === undefined ? [] : [...body.segments];
      return {
        segments: segments.length,
        storedSegments: segments.filter(({ isStored }) => isStored).length,
        connections: fetch?.connections ?? 0,
        sideReads: sides?.count ?? 0,
      };
    },
    get readers() {
      return followers.count;
    },
    get isOpen() {
      return !hasEnded && !hasMoved;
    },
    open({ from, toExclusive, verified }) {
      if (hasEnded) return undefined;
      if (body === undefined) throw new Error('a fill is read only once it runs');
      if (verified) wantWhole();
      return openFillReader({
        ...{ body, toExclusive, verified },
        openBeside: (offset, end) => openBeside(offset, end, verified),
        follower: followers.enter(from),
        // Once the store is given up, segments go when they have been read.
        onPassed() {
          if (storing?.isGivenUp === true) progressed?.();
        },
      });
    },
    async openPresent(from) {
      await options.lookForSuccessor?.();
      const endExclusive = body === undefined ? from : presentRun(body.segments, from);
      if (hasEnded || body === undefined || body.failed || endExclusive <= from) return undefined;
      const openBesideNothing = () => {
        throw movedElsewhere();
      };
      const range = { toExclusive: endExclusive, verified: false };
      const reader = openFillReader({ body, ...range, openBeside: openBesideNothing, follower: followers.enter(from) });
      return { endExclusive, reader };
    },
    release: () => body?.markStored(),
    handOver,
  };
}

/** Before upstream is asked: another worker may have room now, and here a fetch would wait for some. */
async function admit(options: FillOptions): Promise<void> {
  if (firstRange(options) !== undefined) return;
  const { spools, handsOn, expectedSize, takenOverSize } = options;
  const bytes = takenOverSize ?? expectedSize ?? 0;
  await spools.admit(bytes);
  const shortage = spools.findShortage(bytes);
  if (shortage !== undefined && (await handsOn?.(shortage)) === true) throw shortage;
}

/** Where the bytes that are here at `from` end. */
function presentRun(segments: Segments, from: number): number {
  let end = from;
  for (let next = segments.presentEnd(end); next > end; next = segments.presentEnd(end)) end = next;
  return end;
}

/** Where a read beside the fill ends: at `end`, or before where the spool has bytes. */
function nextPresent(segments: Segments, { index }: Segment, end: number): number {
  for (let next = index + 1; next < segments.count; next += 1) {
    const { start, filled, isFreed } = segments.at(next);
    if (start >= end) return end;
    if (filled > 0 && !isFreed) return start;
  }
  return end;
}

/** The segment that readers need last among those that may go. */
function leastNeeded(
  segments: Segments,
  isUnstored: boolean,
  { needs, foremost }: Pick<Followers, 'needs' | 'foremost'>,
): Segment | undefined {
  let least: { readonly segment: Segment; readonly distance: number } | undefined;
  for (const segment of segments) {
    const { isComplete, isFreed, isHashed, isStored, release, start, end } = segment;
    if (!isComplete || isFreed || !isHashed || release === undefined) continue;
    // Else the slowest reader would hold up the foremost one.
    if (!isStored && !(isUnstored && end <= foremost)) continue;
    const distance = needs(start, end);
    if (least === undefined || distance > least.distance) least = { segment, distance };
  }
  return least?.segment;
}
