// A fill: one fetch of one digest, streamed to everybody who waits for it, verified, committed. It outlives its askers.
import type { BlobStore } from '@cistern/blob-store';
import { CacheError } from '@cistern/errors';
import type { Digest, RepositoryName } from '@cistern/oci';
import type { Logger } from '@cistern/telemetry';
import type { Upstream } from '@cistern/upstream';
import type { SourceReader } from '../read/byte-source.ts';
import { commit } from './commit.ts';
import { type FillBody, createFillBody } from './fill-body.ts';
import { openFillReader } from './fill-reader.ts';
import { type Fetchers, createFetchers, isNoRange } from './fetchers.ts';
import { openFirst } from './open-first.ts';
import type { SpoolDirectory } from './spool-directory.ts';
import { upload } from './upload.ts';
import { createVerifier } from './verifier.ts';

export interface FillOptions {
  readonly fillId: string;
  readonly digest: Digest;
  readonly upstream: Upstream;
  readonly repository: RepositoryName;
  /** From the link, where a manifest said it. */
  readonly expectedSize: number | undefined;
  /** What the first asker waits for. */
  readonly from: number;
  readonly toExclusive: number | undefined;
  /** Larger blobs are not fetched whole for the sake of a small range. */
  readonly maxWholeForRangeBytes: number;
  readonly store: BlobStore;
  readonly spools: SpoolDirectory;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export interface Fill {
  readonly fillId: string;
  readonly digest: Digest;
  /** Resolves with the blob's size once upstream has answered and followers can read; rejects with the failure. */
  readonly running: Promise<number>;
  /**
   * Resolves when the blob is committed, or has been left: only ranges of it were wanted, and nobody reads any more.
   * Rejects with the failure. Followers that have opened before may still be reading.
   */
  readonly ended: Promise<'committed' | 'left'>;
  /** A follower at any offset; only after `running`. `undefined` once it has ended, however it did. */
  open(range: FillRange): SourceReader | undefined;
}

export interface FillRange {
  readonly from: number;
  readonly toExclusive: number;
  /** Whether the blob's end is withheld from this follower until the whole is verified: it then wants the whole. */
  readonly verified: boolean;
}

/** How long a fill that only serves ranges waits for another reader. */
const rangeIdleMs = 30_000;

export function startFill(options: FillOptions): Fill {
  const { digest, fillId, upstream, repository, store, log } = options;
  // By hand, not by AbortSignal.any: the worker's signal may outlive a million fills.
  const stopping = new AbortController();
  const { signal } = stopping;
  const onStopped = () => stopping.abort(options.signal.reason);
  if (options.signal.aborted) onStopped();
  else options.signal.addEventListener('abort', onStopped, { once: true });
  const { promise: running, resolve: setRunning, reject: failRunning } = Promise.withResolvers<number>();
  /** Whether the whole is wanted, once that is known. */
  const whole = Promise.withResolvers<boolean>();
  let wholeWanted = false;
  let body: FillBody | undefined;
  let fetchers: Fetchers | undefined;
  let readers = 0;
  let hasEnded = false;
  let idle: NodeJS.Timeout | undefined;

  const wantWhole = () => {
    wholeWanted = true;
    clearTimeout(idle);
    whole.resolve(true);
  };

  const closeSpoolIfUnused = () => {
    if (hasEnded && readers === 0)
      void body?.spool.close().catch((error: unknown) => log.warn({ err: error }, 'spool not closed'));
  };

  const watchIdle = () => {
    if (wholeWanted || readers > 0 || hasEnded) return;
    idle = setTimeout(() => {
      hasEnded = true;
      whole.resolve(false);
    }, rangeIdleMs);
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
    if (range === undefined || spool.size <= options.maxWholeForRangeBytes) wantWhole();
    else watchIdle();
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
    await commit({ store, digest, body: filling, uploading, log, signal });
    return 'committed';
  };

  signal.addEventListener('abort', () => whole.reject(signal.reason), { once: true });
  const ended = run()
    .catch((error: unknown) => {
      hasEnded = true;
      failRunning(error);
      body?.fail(error);
      throw error;
    })
    .finally(() => {
      hasEnded = true;
      clearTimeout(idle);
      options.signal.removeEventListener('abort', onStopped);
      stopping.abort();
      closeSpoolIfUnused();
    });
  running.catch(() => {});
  ended.catch(() => {});
  whole.promise.catch(() => {});

  return {
    fillId,
    digest,
    running,
    ended,
    open({ from, toExclusive, verified }) {
      if (hasEnded) return undefined;
      if (body === undefined) throw new Error('a fill is read only once it runs');
      readers += 1;
      clearTimeout(idle);
      if (verified) wantWhole();
      return openFillReader({
        body,
        from,
        toExclusive,
        verified,
        onWait: (offset, end) => fetchers?.demand(offset, end),
        onClose() {
          readers -= 1;
          closeSpoolIfUnused();
          watchIdle();
        },
      });
    },
  };
}
