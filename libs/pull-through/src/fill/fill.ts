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
import { type Fetchers, createFetchers } from './fetchers.ts';
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
  /** Resolves with the blob's size when it is committed, rejects with the failure; readers may still be reading. */
  readonly ended: Promise<number>;
  /** A follower at any offset; only after `running`. The opener closes it. */
  open(range: FillRange): SourceReader;
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
  const { digest, fillId, upstream, repository } = options;
  const stopping = new AbortController();
  const signal = AbortSignal.any([options.signal, stopping.signal]);
  const { promise: running, resolve: setRunning, reject: failRunning } = Promise.withResolvers<number>();
  let body: FillBody | undefined;
  let fetchers: Fetchers | undefined;
  let readers = 0;
  let hasEnded = false;
  let idle: NodeJS.Timeout | undefined;
  const whole = Promise.withResolvers<void>();
  let wholeWanted = false;

  const wantWhole = () => {
    wholeWanted = true;
    clearTimeout(idle);
    whole.resolve();
  };

  const closeSpoolIfUnused = () => {
    if (hasEnded && readers === 0)
      void body?.spool.close().catch((error: unknown) => options.log.warn({ err: error }, 'spool not closed'));
  };

  const watchIdle = () => {
    if (wholeWanted || readers > 0 || hasEnded) return;
    idle = setTimeout(() => {
      const error = new CacheError('overloaded', 'Nobody reads this blob any more.', { retryable: true });
      stopping.abort(error);
      whole.reject(error);
    }, rangeIdleMs);
  };

  const run = async (): Promise<number> => {
    const opened = await openFirst({ ...options, signal });
    const spool = opened.spool;
    body = createFillBody(spool);
    const filling = body;
    const verifier = createVerifier(digest, spool.read);
    fetchers = createFetchers({
      body,
      signal,
      get: (range) => upstream.getBlob(repository, digest, { ...range, signal }),
      onChunks: verifier.offer,
      onAheadFailed(error) {
        if (!wholeWanted) whole.reject(error);
      },
    });
    setRunning(spool.size);
    const uploading = options.store.adoptFile === undefined ? upload(options.store, digest, body) : undefined;
    uploading?.catch(() => {});
    if (opened.range !== undefined) fetchers.fetchAhead(opened.first!, opened.range.toExclusive);
    if (opened.range === undefined || spool.size <= options.maxWholeForRangeBytes) wantWhole();
    else watchIdle();
    await whole.promise;
    await fetchers.fetchAll(opened.range === undefined ? opened.first : undefined);
    await verifier.catchUp(filling.presentEnd);
    const actual = verifier.digest();
    if (actual !== digest)
      throw new CacheError(
        'content-mismatch',
        `Upstream ${upstream.name} sent bytes with digest ${actual} for ${digest}.`,
        {
          retryable: true,
        },
      );
    filling.markVerified();
    await commit({ store: options.store, digest, body: filling, uploading, log: options.log, signal });
    return spool.size;
  };

  const ended = run()
    .catch((error: unknown) => {
      failRunning(error);
      stopping.abort(error);
      body?.fail(error);
      throw error;
    })
    .finally(() => {
      hasEnded = true;
      clearTimeout(idle);
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
