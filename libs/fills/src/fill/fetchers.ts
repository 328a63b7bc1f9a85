// Who fetches which part of a fill. One fetcher normally brings everything from 0; a reader far ahead gets a second one
// from its offset, and the first stops where the second began. Where two bring the same bytes, whoever has them first
// writes them.
import { CacheError, isCacheError } from '@cistern/errors';
import type { BlobRequestOptions, UpstreamBlobBody } from '@cistern/upstream';
import { type Stretch, fetchInto } from './fetch-into.ts';
import { type Interval, createIntervals } from './spool.ts';

export interface Fetchers {
  /** Fetches all missing bytes; `opened` is a body of the whole, for when none has come yet. */
  fetchAll(opened?: UpstreamBlobBody): Promise<void>;
  /** Copies a body that was opened for `[opened.start, toExclusive)`, beside whatever else runs. */
  fetchAhead(opened: UpstreamBlobBody, toExclusive: number): void;
  /** A reader waits at `offset`: fetches from there unless those bytes are about to come anyway. */
  demand(offset: number, toExclusive: number): void;
}

export interface FetchersOptions {
  /** Bytes of the whole. */
  readonly size: number;
  /** How many of them, from 0, are here already. */
  readonly presentBytes: number;
  /** Never called twice for the same byte. A write that fails is the end of the fill: its bytes are not fetched again. */
  readonly write: (offset: number, chunks: readonly Buffer[]) => Promise<void>;
  readonly get: (range: Pick<BlobRequestOptions, 'from' | 'toExclusive'>) => Promise<UpstreamBlobBody>;
  /** A fetch ahead failed, and no other is tried; whoever waits for it now depends on `fetchAll`. */
  readonly onAheadFailed: (error: unknown) => void;
  /** A fetcher has ended: whoever waits may demand again. */
  readonly onFreed: () => void;
  readonly signal: AbortSignal;
}

/**
 * A reader this close behind a fetcher is better served by waiting than by another request, and a fetcher passes over
 * this much that another one brings rather than going around it.
 */
export const nearBytes = 4 * 1024 * 1024;
const maxAhead = 4;

/** Upstream does not answer ranges, or has less than the range: the whole will tell. */
export function isNoRange(error: unknown): boolean {
  return isCacheError(error, 'unsupported', 'range-unsatisfiable');
}

function isSmall({ next, endExclusive }: Stretch): boolean {
  return endExclusive - next <= nearBytes;
}

export function createFetchers(options: FetchersOptions): Fetchers {
  const { size, write, get, onAheadFailed, onFreed, signal } = options;
  /** Bytes that have come from upstream: written, or about to be. */
  const taken = createIntervals();
  taken.add(0, options.presentBytes);
  const active = new Set<Stretch>();
  /** Of readers ahead: those that upstream has not answered yet, and those among the active. */
  const ahead = new Set<Stretch>();
  let aheadFails = false;
  let freed = Promise.withResolvers<void>();

  const free = () => {
    freed.resolve();
    freed = Promise.withResolvers();
    onFreed();
  };

  const take = (start: number, endExclusive: number) => {
    const parts: Interval[] = [];
    for (let gap = taken.firstGap(start, endExclusive); gap !== undefined; gap = taken.firstGap(start, endExclusive)) {
      parts.push(gap);
      taken.add(gap.start, gap.endExclusive);
    }
    return parts;
  };

  /** How far a fetcher from `start`, which nobody has brought yet, should go. */
  const endFrom = (start: number) => {
    let end = start;
    for (let gap = taken.firstGap(end, size); gap !== undefined; gap = taken.firstGap(end, size)) {
      if (gap.start - end > nearBytes) break;
      end = gap.endExclusive;
    }
    for (const other of [...active, ...ahead])
      if (other.next > start && !isSmall(other)) end = Math.min(end, other.next);
    return end;
  };

  /** The first byte that has not come and is on nobody's way. */
  const firstMissing = () => {
    for (let from = 0; ;) {
      const gap = taken.firstGap(from, size);
      if (gap === undefined) return undefined;
      const owner = [...active, ...ahead].find(
        ({ next, endExclusive }) => next <= gap.start && gap.start < endExclusive,
      );
      if (owner === undefined) return gap.start;
      from = owner.endExclusive;
    }
  };

  const copy = async (stretch: Stretch, bodyEnd: number, opened: UpstreamBlobBody) => {
    await fetchInto({ opened, bodyEnd, stretch, take, write });
    if (stretch.next < stretch.endExclusive)
      throw new CacheError('content-mismatch', 'Upstream sent fewer bytes than the blob has.', { retryable: true });
  };

  /** From `start` as far as it should go; from 0, passing over what is here, where upstream refuses to begin elsewhere. */
  const copyFrom = async (start: number, whole: UpstreamBlobBody | undefined) => {
    const stretch = { next: start, endExclusive: endFrom(start) };
    active.add(stretch);
    try {
      const { opened, bodyEnd } = await (whole === undefined
        ? openFrom(start, stretch.endExclusive)
        : { opened: whole, bodyEnd: size });
      if (opened.start !== start) Object.assign(stretch, { next: opened.start, endExclusive: size });
      await copy(stretch, bodyEnd, opened);
    } finally {
      active.delete(stretch);
      free();
    }
  };

  const openFrom = async (from: number, toExclusive: number) => {
    try {
      const opened = await get({ from, ...(toExclusive < size && { toExclusive }) });
      return { opened, bodyEnd: toExclusive };
    } catch (error) {
      if (!isNoRange(error)) throw error;
      aheadFails = true;
      return { opened: await get({}), bodyEnd: size };
    }
  };

  /** Lets `stretch` begin, unless its first bytes have come meanwhile; what was on its way there stops before it. */
  const begin = (stretch: Stretch) => {
    if (taken.runEnd(stretch.next) > stretch.next) return false;
    stretch.endExclusive = Math.min(stretch.endExclusive, endFrom(stretch.next));
    if (!isSmall(stretch))
      for (const other of active)
        if (other.next <= stretch.next && stretch.next < other.endExclusive) other.endExclusive = stretch.next;
    active.add(stretch);
    return true;
  };

  const runAhead = async (stretch: Stretch, open: () => Promise<UpstreamBlobBody>) => {
    const bodyEnd = stretch.endExclusive;
    ahead.add(stretch);
    try {
      const opened = await open();
      if (begin(stretch)) await copy(stretch, bodyEnd, opened);
      else opened.close();
    } catch (error) {
      aheadFails = true;
      onAheadFailed(error);
    } finally {
      ahead.delete(stretch);
      active.delete(stretch);
      free();
    }
  };

  return {
    async fetchAll(opened) {
      let whole = opened;
      for (;;) {
        signal.throwIfAborted();
        const missing = firstMissing();
        if (missing !== undefined) await copyFrom(missing, whole);
        else whole?.close();
        whole = undefined;
        if (taken.covered === size && active.size === 0) return;
        if (missing === undefined) await freed.promise;
      }
    },
    fetchAhead(opened, toExclusive) {
      void runAhead({ next: opened.start, endExclusive: toExclusive }, () => Promise.resolve(opened));
    },
    demand(offset, toExclusive) {
      if (aheadFails || ahead.size >= maxAhead || signal.aborted || taken.runEnd(offset) > offset) return;
      for (const other of [...active, ...ahead])
        if (other.next <= offset && offset < other.endExclusive && offset - other.next <= nearBytes) return;
      const stretch = { next: offset, endExclusive: Math.min(toExclusive, endFrom(offset)) };
      void runAhead(stretch, () => get({ from: stretch.next, toExclusive: stretch.endExclusive }));
    },
  };
}
