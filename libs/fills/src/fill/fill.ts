// A fill: one fetch of one digest, streamed to everybody who waits for it, verified, committed. It outlives its askers.
//
// - claimed → running ⇄ stalled: the window has no room, or the store takes nothing
// - running → verified → committing → committed | unstored → ended
// - claimed | running → moved: another worker goes on
// - claimed | running → failed
//
// Its bytes are segments, kept by `../spool`. Upstream is asked by `../fetch`; the room is shared by `../room`.
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
import { type ReadBeside, createReadBeside } from './read-beside.ts';

/** How long a fill that only serves ranges waits for another reader. */
const rangeIdleMs = 30_000;
/** A fill that is not stored, or has moved, keeps its bytes for so long after its last reader. */
const quietMs = 2_000;
const longestMs = 15_000;
/** A committed fill keeps its segments for so long, unless their room is wanted. */
const keptMs = 10_000;
/** A body without a length is refused beyond this. */
const maxUnknownBytes = 1024 * 1024 * 1024;

export function startFill(options: FillOptions): Fill {
  const { digest, fillId, upstream, repository, store, spools, log } = options;
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
  let beside: ReadBeside | undefined;
  let work: WholeFetch | undefined;
  /** Once it runs. */
  let size: number | undefined;
  let state: 'open' | 'moving' | FillEnd | 'failed' = 'open';

  const hasEnded = () => state !== 'open' && state !== 'moving';

  const onStopped = () => {
    // A verified blob only waits for the store, and would for a long time.
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
    // Its readers go on in the store, or where it has moved.
    const isOver = state === 'committed' || state === 'moved';
    if (isOver) body.clear();
    const mayGiveUp = isForItself || segments.size > spools.perFillBytes;
    const freeable = isOver
      ? [...segments].filter(({ isFreed, release }) => !isFreed && release !== undefined)
      : [findFreeable({ segments, storing, followers, mayGiveUp })].filter((segment) => segment !== undefined);
    for (const segment of freeable)
      segments.free(segment).catch((error: unknown) => log.warn({ err: error }, 'a segment was not removed'));
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
    beside = createReadBeside({
      segments: opened.body.segments,
      perFillBytes: spools.perFillBytes,
      get,
      first: range && { body: first!, endExclusive: range.toExclusive },
      askedBefore: options.checkpoint?.sideBytes ?? 0,
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
    // A reader that waited for it may be about to open it, and no other place has it.
    options.onRefused?.();
    await followers.gone(quietMs, longestMs, options.signal);
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
    if (body?.verified === false && state === 'open' && (await options.handsOn?.(error)) === true) {
      state = 'moving';
      body.markMoved();
    }
    if (body !== undefined && state === 'moving') {
      beside?.end(movedElsewhere());
      await followers.gone(quietMs, longestMs, options.signal);
      return 'moved';
    }
    state = 'failed';
    body?.fail(error);
    beside?.end(error);
    throw error;
  };

  /** Another worker may be at the upload that a checkpoint names. If none goes on with it, the sweeper ends it. */
  const dropStored = async () => {
    const isOwn =
      work?.checkpoint === undefined || (state !== 'moved' && (await options.lookForSuccessor?.()) === true);
    await (isOwn ? work?.storing.abort() : work?.storing.leave());
  };

  /** Followers that still read keep the spool, unless the blob is stored: they go on there, soon. */
  const close = () => {
    followers.stopWatching();
    work?.close();
    options.signal.removeEventListener('abort', onStopped);
    stopping.abort();
    const isCommitted = state === 'committed';
    const kept = isCommitted && !spools.isOneFile ? setTimeout(() => freeOne(true), keptMs) : undefined;
    if (!isCommitted) {
      void dropStored();
      // Readers that lack bytes ask for another fill.
      body?.markMoved();
    }
    followers.whenNone(() => {
      clearTimeout(kept);
      Promise.all([beside?.close(), spool?.close()]).catch((error: unknown) =>
        log.warn({ err: error }, 'spool not closed'),
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
      return stored && { ...stored, sideBytes: beside?.askedBytes ?? 0 };
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
        sideReads: beside?.count ?? 0,
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
      if (body === undefined) throw new Error('a fill is read only once it runs');
      if (verified) wantWhole();
      return openFillReader({
        body,
        toExclusive,
        verified,
        openBeside: (offset, end) => beside?.open(offset, end, verified),
        follower: followers.enter(from),
        // Once the store is given up, segments go when they have been read.
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
      return { ...present, reader: openFillReader({ body, ...range, openBeside: noneBeside, follower }) };
    },
    release: () => body?.markStored(),
    handOver() {
      if (body?.verified !== true) return handOver();
      if (hasEnded()) return;
      // It has waited for the store. Its new owner makes it visible.
      body.markMoved();
      work?.storing.giveUp(movedElsewhere());
    },
  };
}

function noneBeside(): SourceReader | undefined {
  throw movedElsewhere();
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

/** The first bytes that are here from `from` on. */
function nextRun(segments: Segments, from: number): PresentRun | undefined {
  let start = from;
  while (start < segments.size && segments.presentEnd(start) === start) start = segments.holding(start).end;
  if (start >= segments.size) return undefined;
  let endExclusive = start;
  for (let next = segments.presentEnd(start); next > endExclusive; next = segments.presentEnd(next))
    endExclusive = next;
  return { start, endExclusive };
}
