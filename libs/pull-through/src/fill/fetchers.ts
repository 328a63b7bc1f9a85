// Who fetches which part of a fill. One fetcher normally brings everything from 0; a reader far ahead gets a second one
// from its offset, and the first stops where the second began.
import { CacheError, isCacheError } from '@cistern/errors';
import type { BlobRequestOptions, UpstreamBlobBody } from '@cistern/upstream';
import { type Stretch, fetchInto, maxPendingBytes } from './fetch-into.ts';
import type { FillBody } from './fill-body.ts';

export interface Fetchers {
  /** Brings everything that is missing; `opened` is a body that starts at the first missing byte. */
  fetchAll(opened?: UpstreamBlobBody): Promise<void>;
  /** Copies a body that was opened for `[opened.start, toExclusive)`, beside whatever else runs. */
  fetchAhead(opened: UpstreamBlobBody, toExclusive: number): void;
  /** A reader waits at `offset`: fetches from there unless those bytes are about to come anyway. */
  demand(offset: number, toExclusive: number): void;
}

export interface FetchersOptions {
  readonly body: FillBody;
  readonly get: (range: Pick<BlobRequestOptions, 'from' | 'toExclusive'>) => Promise<UpstreamBlobBody>;
  readonly onChunks: (offset: number, chunks: readonly Buffer[]) => void;
  /** A fetch ahead failed; whoever waits for it now depends on `fetchAll`. */
  readonly onAheadFailed: (error: unknown) => void;
  readonly signal: AbortSignal;
}

/** A reader this close behind a fetcher is better served by waiting than by another request. */
export const nearBytes = 4 * 1024 * 1024;
const maxAhead = 4;

export function createFetchers({ body, get, onChunks, onAheadFailed, signal }: FetchersOptions): Fetchers {
  const stretches = new Set<Stretch>();
  const waiting: (() => void)[] = [];
  let ahead = 0;
  let rangesFail = false;

  const write = async (offset: number, chunks: readonly Buffer[]) => {
    signal.throwIfAborted();
    const written = body.write(offset, chunks);
    onChunks(offset, chunks);
    await written;
  };

  /** Another fetcher's start, or bytes already here, end a stretch. */
  const endFrom = (start: number) => {
    let end = body.spool.present.firstGap(start, body.size)?.endExclusive ?? start;
    for (const other of stretches) if (other.position > start) end = Math.min(end, other.position);
    return end;
  };

  const release = (stretch: Stretch) => {
    stretches.delete(stretch);
    for (const wake of waiting.splice(0)) wake();
    body.nudge();
  };

  const copy = async (opened: UpstreamBlobBody, stretch: Stretch) => {
    stretches.add(stretch);
    try {
      await fetchInto({ opened, stretch, write });
      if (stretch.position < stretch.endExclusive)
        throw new CacheError('content-mismatch', 'Upstream sent fewer bytes than the blob has.', { retryable: true });
    } finally {
      release(stretch);
    }
  };

  /** The first missing byte that nobody is fetching. */
  const firstUnclaimed = () => {
    let from = 0;
    for (;;) {
      const gap = body.spool.present.firstGap(from, body.size);
      if (gap === undefined) return undefined;
      const claim = [...stretches].find((other) => other.position <= gap.start && gap.start < other.endExclusive);
      if (claim === undefined) return { position: gap.start, endExclusive: endFrom(gap.start) };
      from = claim.endExclusive;
    }
  };

  /**
   * Cuts the fetcher that was on its way to `stretch` short. False if it is so near that the two could write the same
   * bytes: what it has taken off the wire lies at most `maxPendingBytes` (and a chunk) beyond its position.
   */
  const takeOver = (stretch: Stretch) => {
    if (body.spool.present.runEnd(stretch.position) > stretch.position) return false;
    for (const other of stretches) {
      if (other === stretch || other.position > stretch.position || other.endExclusive <= stretch.position) continue;
      if (stretch.position - other.position <= 2 * maxPendingBytes) return false;
      other.endExclusive = stretch.position;
    }
    return true;
  };

  const runAhead = async (stretch: Stretch, open: () => Promise<UpstreamBlobBody>) => {
    ahead += 1;
    stretches.add(stretch);
    try {
      const opened = await open();
      if (takeOver(stretch)) await copy(opened, stretch);
      else opened.close();
    } catch (error) {
      if (isCacheError(error, 'unsupported')) rangesFail = true;
      onAheadFailed(error);
    } finally {
      ahead -= 1;
      release(stretch);
    }
  };

  return {
    async fetchAll(opened) {
      let next = opened;
      for (;;) {
        signal.throwIfAborted();
        const stretch = firstUnclaimed();
        if (stretch !== undefined) {
          next ??= await get({
            from: stretch.position,
            ...(stretch.endExclusive < body.size && { toExclusive: stretch.endExclusive }),
          });
          await copy(next, stretch);
          next = undefined;
          continue;
        }
        next?.close();
        next = undefined;
        if (body.spool.present.firstGap(0, body.size) === undefined) return;
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
    fetchAhead(opened, toExclusive) {
      void runAhead({ position: opened.start, endExclusive: toExclusive }, () => Promise.resolve(opened));
    },
    demand(offset, toExclusive) {
      if (rangesFail || ahead >= maxAhead || signal.aborted) return;
      if (body.spool.present.runEnd(offset) > offset) return;
      for (const stretch of stretches)
        if (stretch.position <= offset && offset < stretch.endExclusive && offset - stretch.position <= nearBytes)
          return;
      const stretch = { position: offset, endExclusive: Math.min(toExclusive, endFrom(offset)) };
      void runAhead(stretch, () => get({ from: stretch.position, toExclusive: stretch.endExclusive }));
    },
  };
}
