// A fill is one fetch of one digest. It streams the bytes to every waiting reader, verifies them and commits the blob. It
// outlives the requests that started it.
//
// - claimed → running ⇄ stalled: the window has no space, or the store accepts nothing
// - running → verified → committing → committed | unstored → ended
// - claimed | running → moved: another worker continues
// - claimed | running → failed
//
// `../spool` keeps its bytes as segments, `../fetch` requests them from upstream, and `../room` shares the space.
import type { SourceReader } from '@cistern/streams';
import type { BlobRequestOptions } from '@cistern/upstream';
import { type Segments, createSegments } from '../spool/segments.ts';
import type { Spool } from '../spool/spool-directory.ts';
import { type WholeFetch, openWholeFetch } from './fetch-whole.ts';
import { type FillBody, createFillBody, movedElsewhere } from './fill-body.ts';
import type { Fill, PresentRun, FillEnd, FillOptions } from './fill-options.ts';
import { createFollowers, openFillReader } from './followers.ts';
import { findFreeable } from './free-segments.ts';
import { firstRange, openFirst } from './open-first.ts';
import { type SideReadPolicy, createSideReadPolicy } from './side-read-policy.ts';

/** A fill that only serves ranges waits this long for another reader. */
const rangeIdleMs = 30_000;
/** A fill that is not stored, or has moved, keeps its bytes for this long after its last reader. */
const quietMs = 2_000;
const longestMs = 15_000;
/** A committed fill keeps its segments for this long, unless their space is needed. */
const keptMs = 10_000;
/** A body without a length is rejected beyond this size. */
const maxUnknownBytes = 1024 * 1024 * 1024;

export function startFill(options: FillOptions): Fill {
  const { digest, fillId, upstream, repository, store, spools, log } = options;
  // Not by AbortSignal.any: the worker's signal may outlive a million fills.
  const stopping = new AbortController();
  const { signal } = stopping;
  const { promise: running, resolve: resolveRunning, reject: failRunning } = Promise.withResolvers<number>();
  /** Whether the whole blob is wanted, once that is known. */
  const whole = Promise.withResolvers<boolean>();
  const followers = createFollowers();
  let wholeWanted = false;
  let spool: Spool | undefined;
  let body: FillBody | undefined;
  let sideReads: SideReadPolicy | undefined;
  let work: WholeFetch | undefined;
  /** Set once the fill is running. */
  let size: number | undefined;
  let state: 'open' | 'moving' | FillEnd | 'failed' = 'open';

  const hasEnded = () => state !== 'open' && state !== 'moving';

  const onStopped = () => {
    // A verified blob only waits for the store, possibly for a long time. So it is stopped, not handed over.
    if (options.lookForSuccessor !== undefined && body?.verified !== true) handOver();
    else stopping.abort(options.signal.reason);
  };

  const onRunning = (bytes: number) => {
    size = bytes;
    resolveRunning(bytes);
  };

  const wantWhole = () => {
    wholeWanted = true;
    followers.stopWatching();
    whole.resolve(true);
  };

  const onNotWritten = (error: unknown) => stopping.abort(error);

  const get = (range: BlobRequestOptions) => upstream.getBlob(repository, digest, { signal, ...range });

  const freeOne = (isForItself: boolean): boolean => {
    if (body === undefined || work === undefined || spools.isOneFile) return false;
    const { segments } = body;
    const { storing } = work;
    // Its readers continue in the store, or with the worker that continues the fill.
    const isOver = state === 'committed' || state === 'moved';
    if (isOver) body.clear();
    const mayGiveUp = isForItself || segments.size > spools.perFillBytes;
    const freeable = isOver
      ? [...segments].filter(({ isFreed, release }) => !isFreed && release !== undefined)
      : [findFreeable({ segments, storing, followers, mayGiveUp })].filter((segment) => segment !== undefined);
    for (const segment of freeable)
      segments.free(segment).catch((error: unknown) => log.warn({ err: error }, 'failed to remove spool segment'));
    return freeable.length > 0;
  };

  const openBody = (bytes: number) => {
    const opened = spools.open({ name: fillId, size: bytes });
    spool = opened;
    const { files, segmentBytes } = opened;
    const hasSha256 = store.wantsSha256 === true && !spools.isOneFile;
    const filling = createFillBody(createSegments({ size: bytes, segmentBytes, files, hasSha256 }));
    body = filling;
    return { spool: opened, body: filling };
  };

  const run = async (): Promise<FillEnd> => {
    await admit(options);
    const answer = await openFirst({ ...options, signal });
    const { range, first } = answer;
    const mostBytes = answer.size ?? Math.min(maxUnknownBytes, spools.perFillBytes);
    const opened = openBody(mostBytes);
    sideReads = createSideReadPolicy({
      segments: opened.body.segments,
      perFillBytes: spools.perFillBytes,
      get,
      first: range && { body: first!, endExclusive: range.toExclusive },
      requestedBefore: options.checkpoint?.sideBytes ?? 0,
      onBytes: (bytes) => options.onSideBytes?.(bytes),
      work: () => work,
      isWholeWanted: () => wholeWanted,
      wantWhole,
    });
    if (range !== undefined) onRunning(mostBytes);
    if (range === undefined || mostBytes <= options.maxWholeForRangeBytes) wantWhole();
    else if (!wholeWanted) followers.watchIdle(rangeIdleMs, () => leave());
    if (!(await whole.promise)) return 'left';
    work = await openWholeFetch({ fill: options, ...opened, answer, get, freeOne, onRunning, onNotWritten, signal });
    if (await work.run()) return 'committed';
    // A reader that waited for the blob may be about to open it, and no other place has it.
    options.onRefused?.();
    await followers.untilQuiet(quietMs, longestMs, options.signal);
    return 'left';
  };

  const handOver = () => {
    if (hasEnded() || body?.verified) return;
    state = 'moving';
    body?.markMoved();
    stopping.abort(movedElsewhere());
  };

  const leave = () => {
    state = 'left';
    whole.resolve(false);
  };

  const fail = async (error: unknown): Promise<FillEnd> => {
    failRunning(error);
    if (body?.verified === false && state === 'open' && (await options.handsOver?.(error)) === true) {
      state = 'moving';
      body.markMoved();
    }
    if (body !== undefined && state === 'moving') {
      sideReads?.end(movedElsewhere());
      await followers.untilQuiet(quietMs, longestMs, options.signal);
      return 'moved';
    }
    state = 'failed';
    body?.fail(error);
    sideReads?.end(error);
    throw error;
  };

  /** Another worker may use the upload that a checkpoint names. If none continues it, the sweeper ends it. */
  const dropStored = async () => {
    const isOwn =
      work?.checkpoint === undefined || (state !== 'moved' && (await options.lookForSuccessor?.()) === true);
    await (isOwn ? work?.storing.abort() : work?.storing.leave());
  };

  /** Keeps the spool while followers read, unless the blob is stored: they soon continue in the store. */
  const close = () => {
    followers.stopWatching();
    work?.close();
    options.signal.removeEventListener('abort', onStopped);
    stopping.abort();
    const isCommitted = state === 'committed';
    const kept = isCommitted && !spools.isOneFile ? setTimeout(() => freeOne(true), keptMs) : undefined;
    if (!isCommitted) {
      void dropStored();
      // Readers that lack bytes request another fill.
      body?.markMoved();
    }
    followers.whenNone(() => {
      clearTimeout(kept);
      Promise.all([sideReads?.close(), spool?.close()]).catch((error: unknown) =>
        log.warn({ err: error }, 'failed to close spool'),
      );
    });
  };

  const runToEnd = async () => {
    try {
      const end = await run().catch(fail);
      state = end;
      return end;
    } finally {
      close();
    }
  };

  if (options.signal.aborted) onStopped();
  else options.signal.addEventListener('abort', onStopped, { once: true });
  signal.addEventListener('abort', () => whole.reject(signal.reason), { once: true });
  const ended = runToEnd();
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
      const stored = work?.checkpoint;
      return stored && { ...stored, sideBytes: sideReads?.requestedBytes ?? 0 };
    },
    get presentBytes() {
      return body?.segments.fetchedBytes ?? 0;
    },
    get activity() {
      const segments = body === undefined || size === undefined ? [] : [...body.segments];
      return {
        segments: segments.length,
        storedSegments: segments.filter(({ isStored }) => isStored).length,
        connections: work?.fetch.connections ?? 0,
        sideReads: sideReads?.count ?? 0,
      };
    },
    get readers() {
      return followers.count;
    },
    get isOpen() {
      return state === 'open';
    },
    open({ from, toExclusive, verified }) {
      if (hasEnded()) return undefined;
      if (body === undefined) throw new Error('a fill can be read only once it is running');
      if (verified) wantWhole();
      return openFillReader({
        body,
        toExclusive,
        verified,
        openSideRead: (offset, end) => sideReads?.open(offset, end, verified),
        follower: followers.enter(from),
        // Once storing is given up, segments are freed as soon as they have been read.
        onPassed() {
          if (work?.storing.isGivenUp === true) work.room.progressed();
        },
      });
    },
    async openPresent(from) {
      await options.lookForSuccessor?.();
      const present = body && nextRun(body.segments, from);
      if (hasEnded() || body === undefined || present === undefined) return undefined;
      const range = { toExclusive: present.endExclusive, verified: false };
      const follower = followers.enter(present.start);
      return { ...present, reader: openFillReader({ body, ...range, openSideRead: noSideReads, follower }) };
    },
    release: () => body?.markStored(),
    handOver() {
      if (body?.verified !== true) return handOver();
      if (hasEnded()) return;
      // It has waited for the store. Its new owner makes the blob visible.
      body.markMoved();
      work?.storing.giveUp(movedElsewhere());
    },
  };
}

function noSideReads(): SourceReader | undefined {
  throw movedElsewhere();
}

/** Runs before the upstream request: another worker may have free space now, and a fetch would wait for some here. */
async function admit(options: FillOptions): Promise<void> {
  if (firstRange(options) !== undefined) return;
  const { spools, handsOver, expectedSize, takenOverSize } = options;
  const bytes = takenOverSize ?? expectedSize ?? 0;
  await spools.admit(bytes);
  const shortage = spools.findShortage(bytes);
  if (shortage !== undefined && (await handsOver?.(shortage)) === true) throw shortage;
}

/** Returns the first run of present bytes from `from` on. */
function nextRun(segments: Segments, from: number): PresentRun | undefined {
  let start = from;
  while (start < segments.size && segments.presentEnd(start) === start) start = segments.holding(start).end;
  if (start >= segments.size) return undefined;
  let endExclusive = start;
  for (let next = segments.presentEnd(start); next > endExclusive; next = segments.presentEnd(next))
    endExclusive = next;
  return { start, endExclusive };
}
