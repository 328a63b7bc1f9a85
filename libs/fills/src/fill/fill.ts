// A fill: one fetch of one digest, streamed to everybody who waits for it, verified, committed. It outlives its askers.
import type { BlobStore } from '@cistern/blob-store';
import { CacheError } from '@cistern/errors';
import type { Digest, RepositoryName } from '@cistern/oci';
import type { Logger } from '@cistern/telemetry';
import type { Upstream } from '@cistern/upstream';
import { type SourceReader, checksumOf } from '@cistern/streams';
import { commit, upload } from './commit.ts';
import { type FillBody, createFillBody, createVerifier, movedElsewhere } from './fill-body.ts';
import { openFillReader, createFollowers } from './followers.ts';
import { type Fetchers, createFetchers, isNoRange, nearBytes } from './fetchers.ts';
import { openFirst } from './open-first.ts';
import type { SpoolDirectory } from './spool-directory.ts';

export interface FillOptions {
  readonly fillId: string;
  readonly digest: Digest;
  /** Where its bytes come from. */
  readonly upstream: Pick<Upstream, 'name' | 'getBlob' | 'headBlob'>;
  readonly repository: RepositoryName;
  /** From the link, where a manifest said it. */
  readonly expectedSize: number | undefined;
  /** Of a fill that this one goes on with: then nobody need be asked for it. */
  readonly takenOverSize?: number | undefined;
  /** What the first asker waits for. */
  readonly from: number;
  readonly toExclusive: number | undefined;
  /** Called when the blob is verified and the store refuses it, for now or for good. */
  readonly onRefused?: (() => void) | undefined;
  /** Larger blobs are not fetched whole for the sake of a small range. */
  readonly maxWholeForRangeBytes: number;
  readonly store: BlobStore;
  readonly spools: SpoolDirectory;
  readonly log: Logger;
  /** Ends the fill: where others may go on with it, by handing it over. */
  readonly signal: AbortSignal;
  readonly mayMove?: boolean;
  /** Whether another worker goes on after this failure, which is this worker's own. */
  readonly handsOn?: ((error: unknown) => Promise<boolean>) | undefined;
  /** Looks whether somebody else has taken the fill over; then `handOver` is called. */
  readonly lookForSuccessor?: (() => Promise<void>) | undefined;
}

export interface Fill {
  readonly fillId: string;
  readonly digest: Digest;
  /** Resolves with the blob's size once upstream has answered and followers can read; rejects with the failure. */
  readonly running: Promise<number>;
  /**
   * Resolves when the blob is committed; has been left: only ranges of it were wanted, and nobody reads any more, or the store has
   * no room for it; or has moved, and nobody needs what is here any more. Rejects with the failure. Followers that have opened before may still
   * be reading.
   */
  readonly ended: Promise<'committed' | 'left' | 'moved'>;
  /** A follower at any offset; only after `running`. `undefined` once it has ended, however it did. */
  open(range: FillRange): SourceReader | undefined;
  /**
   * For whoever takes the fill over: nothing is fetched here any more then, so that nothing is fetched twice. The run of bytes
   * that is here at `from`, unverified. `undefined`: there is none.
   */
  openPresent(from: number): Promise<{ readonly endExclusive: number; readonly reader: SourceReader } | undefined>;
  /** CRC-32 of bytes that have been verified; `undefined` while they have not. */
  checksum(from: number, toExclusive: number): Promise<number | undefined>;
  /** Of the whole blob; `undefined`: nobody has said it yet. */
  readonly size: number | undefined;
  /** Bytes that are here, verified or not. */
  readonly presentBytes: number;
  /** Who reads from it now. */
  readonly readers: number;
  /** Whether followers may come. */
  readonly isOpen: boolean;
  /** Somebody else owns the digest now: fetches no more, and sends followers there once they have had what is here. */
  handOver(): void;
}

export interface FillRange {
  readonly from: number;
  readonly toExclusive: number;
  /** Whether the blob's end is withheld from this follower until the whole is verified: it then wants the whole. */
  readonly verified: boolean;
}

/** How long a fill that only serves ranges waits for another reader. */
const rangeIdleMs = 30_000;
/** How long what is here of a fill stays for followers that come, if it is not stored or has moved to another worker. */
const quietMs = 2_000;
const longestMs = 15_000;

export function startFill(options: FillOptions): Fill {
  const { digest, fillId, upstream, repository, takenOverSize, store, log } = options;
  // By hand, not by AbortSignal.any: the worker's signal may outlive a million fills.
  const stopping = new AbortController();
  const { signal } = stopping;
  const onStopped = () => {
    // What is verified only waits for the store, and would for a long time.
    if (options.mayMove === true && body?.verified !== true) handOver();
    else stopping.abort(options.signal.reason);
  };
  const { promise: running, resolve: setRunning, reject: failRunning } = Promise.withResolvers<number>();
  /** Whether the whole is wanted, once that is known. */
  const whole = Promise.withResolvers<boolean>();
  const followers = createFollowers();
  let wholeWanted = false;
  let body: FillBody | undefined;
  let fetchers: Fetchers | undefined;
  let hasEnded = false;
  let hasMoved = false;

  const wantWhole = () => {
    wholeWanted = true;
    followers.stopWatching();
    whole.resolve(true);
  };

  const run = async (): Promise<'committed' | 'left'> => {
    const { spool, first, range } = await openFirst({ ...options, signal });
    const filling = createFillBody(spool);
    body = filling;
    const verifier = createVerifier({
      digest,
      presentEnd: spool.present.runEnd,
      async read(offset, into) {
        signal.throwIfAborted();
        return spool.read(offset, into);
      },
    });
    const write = async (offset: number, chunks: readonly Buffer[]) => {
      signal.throwIfAborted();
      const written = filling.write(offset, chunks);
      verifier.offer(offset, chunks);
      await written.catch((error: unknown) => {
        stopping.abort(error);
        throw error;
      });
      // What goes wrong here goes wrong again at the end.
      void verifier.catchUp().catch(() => {});
    };
    fetchers = createFetchers({
      size: spool.size,
      presentBytes: spool.present.runEnd(0),
      write,
      async get(part) {
        await spool.reserve((part.toExclusive ?? spool.size) - (part.from ?? 0), signal);
        return upstream.getBlob(repository, digest, { ...part, signal });
      },
      onAheadFailed(error) {
        if (isNoRange(error)) wantWhole();
        else whole.reject(error);
      },
      onFreed: filling.nudge,
      signal,
    });
    setRunning(spool.size);
    if (range !== undefined) fetchers.fetchAhead(first!, range.toExclusive);
    // Whoever asked to go on with a lost fill waits here; asked for first, it is not fetched twice.
    if (takenOverSize !== undefined && options.from > nearBytes)
      fetchers.demand(options.from, options.toExclusive ?? spool.size);
    if (range === undefined || spool.size <= options.maxWholeForRangeBytes) wantWhole();
    else if (!wholeWanted) followers.watchIdle(rangeIdleMs, () => leave());
    if (!(await whole.promise)) return 'left';
    const uploading = store.adoptFile === undefined ? upload(store, digest, filling) : undefined;
    uploading?.catch(() => {});
    await fetchers.fetchAll(range === undefined ? first : undefined);
    await verifier.catchUp();
    const actual = verifier.digest();
    if (actual !== digest)
      throw new CacheError(
        'content-mismatch',
        `Upstream ${upstream.name} sent bytes with digest ${actual} for ${digest}.`,
        { retryable: true },
      );
    filling.markVerified();
    const { onRefused } = options;
    if (await commit({ store, digest, body: filling, uploading, onRefused, log, signal })) return 'committed';
    // A reader that waited for it may be about to open it, and no other place has it.
    onRefused?.();
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
        await followers.gone(quietMs, longestMs, options.signal);
        return 'moved' as const;
      }
      hasEnded = true;
      body?.fail(error);
      throw error;
    })
    .finally(() => {
      hasEnded = true;
      followers.stopWatching();
      options.signal.removeEventListener('abort', onStopped);
      stopping.abort();
      followers.whenNone(() => {
        body?.spool.close().catch((error: unknown) => log.warn({ err: error }, 'spool not closed'));
      });
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
      return body?.size;
    },
    get presentBytes() {
      return body?.spool.present.covered ?? 0;
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
        body,
        from,
        toExclusive: Math.min(toExclusive, body.size),
        verified,
        onWait: (offset, end) => fetchers?.demand(offset, end),
        onClose: followers.enter(),
      });
    },
    async openPresent(from) {
      await options.lookForSuccessor?.();
      const endExclusive = body?.spool.present.runEnd(from) ?? 0;
      if (hasEnded || body === undefined || body.failed || endExclusive <= from) return undefined;
      const range = { from, toExclusive: endExclusive, verified: false };
      return { endExclusive, reader: openFillReader({ body, ...range, onWait() {}, onClose: followers.enter() }) };
    },
    async checksum(from, toExclusive) {
      if (hasEnded || body?.verified !== true || toExclusive > body.size) return undefined;
      const range = { from, toExclusive, verified: true };
      return checksumOf(openFillReader({ body, ...range, onWait() {}, onClose: followers.enter() }));
    },
    handOver,
  };
}
