// A fill is one fetch of one digest. It streams the bytes to every waiting reader, verifies them and commits the blob. It
// outlives the requests that started it.
//
// - claimed → running ⇄ stalled: stalled while the window has no space, or while the store accepts nothing
// - running → verified → committing → committed | unstored → ended
// - claimed | running → moved: another worker continues
// - claimed | running → failed
//
// `../spool` keeps the bytes as segments, `../fetch` requests them from upstream, and `../room` shares the spool among fills.
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
/** A fill that is not stored or has moved keeps its bytes until no reader came for `quietMs`, or for `longestMs` at most. */
const quietMs = 2_000;
const longestMs = 15_000;
/** A committed fill keeps its segments for this long, unless the space is needed earlier. */
const keptMs = 10_000;
/** The largest blob that is accepted if upstream sends no length. */
const maxUnknownBytes = 1024 * 1024 * 1024;

export function startFill(options: FillOptions): Fill {
  const { digest, fillId, upstream, repository, store, spools, log } = options;
  // AbortSignal.any is not used, because the worker's signal lives longer than its fills and would keep a reference to each.
  const stopping = new AbortController();
  const { signal } = stopping;
  const { promise: running, resolve: resolveRunning, reject: failRunning } = Promise.withResolvers<number>();
  /** Resolves to true when the whole blob is wanted, and to false when the last reader of ranges has left. */
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
    // A verified blob only waits for the store, and that can take long. Therefore the fill is stopped and not handed over.
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
    // All segments of such a fill can be freed, because its readers continue in the store or with another worker.
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
    // Readers that waited for the blob may open it only now, and it is stored nowhere else. So the fill stays readable for a
    // short time.
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

  /** Another worker may continue the upload of a checkpoint, so it is not aborted here. If none does, the sweeper aborts it. */
  const dropStored = async () => {
    const isOwn =
      work?.checkpoint === undefined || (state !== 'moved' && (await options.lookForSuccessor?.()) === true);
    await (isOwn ? work?.storing.abort() : work?.storing.leave());
  };

  /** Keeps the spool's files until the last follower has left. If the blob is stored, followers continue in the store instead. */
  const close = () => {
    followers.stopWatching();
    work?.close();
    options.signal.removeEventListener('abort', onStopped);
    stopping.abort();
    const isCommitted = state === 'committed';
    const kept = isCommitted && !spools.isOneFile ? setTimeout(() => freeOne(true), keptMs) : undefined;
    if (!isCommitted) {
      void dropStored();
      // Readers whose bytes are missing here look for another fill.
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
        // After storing was given up, a segment can be freed as soon as its readers have passed it.
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
      // The verified blob was waiting for the store. Its new owner stores it.
      body.markMoved();
      work?.storing.giveUp(movedElsewhere());
    },
  };
}

function noSideReads(): SourceReader | undefined {
  throw movedElsewhere();
}

/** Runs before the upstream request: if the fill had to wait for space here, a worker with free space can take it. */
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
