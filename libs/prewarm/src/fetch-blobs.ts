// Fetches blobs into the store before clients request them. Clients can follow these fills like any other fill. The
// fills use at most half of the spool and do not wait in its queue, so that clients never wait for them.
import { setTimeout as delay } from 'node:timers/promises';
import { findStoredBlob } from '@cistern/content';
import { CacheError } from '@cistern/errors';
import type { FillTable, SpoolDirectory } from '@cistern/fills';
import type { RepositoryKey } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import { fetchBlob, type FetchBlobDeps } from '@cistern/pull-through';
import { type Bandwidth, forEachBounded } from '@cistern/runtime';
import type { Upstream } from '@cistern/upstream';

export interface WantedBlob {
  readonly digest: Digest;
  /** `undefined` if the size is unknown. */
  readonly size: number | undefined;
}

export interface FetchBlobsDeps extends FetchBlobDeps {
  /** Unset means no limit. */
  readonly bandwidth?: Bandwidth | undefined;
}

export interface FetchBlobsOptions {
  readonly signal: AbortSignal;
  /** Called for each blob when it is in the store. */
  readonly onStored: (blob: WantedBlob) => void;
}

const atOnce = 2;
const lookAgainMs = 500;
const spoolShare = 0.5;

/** Fetches the blobs. After a failure it waits for the running fetches, then rejects with the first failure. */
export async function fetchBlobs(
  deps: FetchBlobsDeps,
  key: RepositoryKey,
  blobs: readonly WantedBlob[],
  { signal, onStored }: FetchBlobsOptions,
): Promise<void> {
  const { bandwidth, fills } = deps;
  const upstreams =
    bandwidth === undefined
      ? deps.upstreams
      : new Map([...deps.upstreams].map(([name, one]) => [name, paceUpstream(one, { bandwidth, fills, signal })]));
  const own = { ...deps, upstreams, spools: withoutWaiting(deps.spools) };
  await forEachBounded(blobs, { atOnce, signal }, async (blob) => {
    await fetchOneBlob(own, key, blob, signal);
    onStored(blob);
  });
}

async function fetchOneBlob(
  deps: FetchBlobsDeps,
  { upstream, repository }: RepositoryKey,
  { digest, size = 0 }: WantedBlob,
  signal: AbortSignal,
): Promise<void> {
  const { spools, index } = deps;
  for (;;) {
    signal.throwIfAborted();
    const shortage = spools.findShortage(size, spoolShare);
    if (shortage?.kind === 'too-large') throw shortage;
    if (shortage === undefined) {
      const job = { upstream, repository, digest, replaces: 0, from: 0 };
      // `fetchBlob` does nothing if another worker is fetching the blob.
      await fetchBlob(deps, job, { class: 'background', signal });
      if ((await findStoredBlob(deps, digest)) !== undefined) return;
      const record = await index.fills.read(digest);
      const failure = record?.state === 'failed' ? record.failure : undefined;
      if (failure !== undefined && failure.kind !== 'overloaded')
        throw new CacheError(failure.kind, failure.message, { retryable: failure.kind !== 'too-large' });
    }
    await delay(lookAgainMs, undefined, { signal });
  }
}

/** Wraps the spool so that `enter` rejects immediately instead of waiting for space. */
function withoutWaiting(spools: SpoolDirectory): SpoolDirectory {
  return {
    ...spools,
    get usedBytes() {
      return spools.usedBytes;
    },
    get isWaitedFor() {
      return spools.isWaitedFor;
    },
    open(request) {
      const opened = spools.open(request);
      return {
        ...opened,
        async enter(entry) {
          const shortage = spools.findShortage(request.size, spoolShare);
          if (shortage !== undefined) throw shortage;
          return opened.enter(entry);
        },
      };
    },
  };
}

/** Wraps an upstream so that `bandwidth` limits the fetch of a blob while no client waits for that blob. */
export function paceUpstream(
  upstream: Upstream,
  {
    bandwidth,
    fills,
    signal,
  }: { readonly bandwidth: Bandwidth; readonly fills: FillTable; readonly signal: AbortSignal },
): Upstream {
  const isWaitedFor = (digest: Digest) => {
    for (const fill of fills.all()) if (fill.digest === digest && fill.readers > 0) return true;
    return false;
  };
  return {
    ...upstream,
    async getBlob(repository, digest, options) {
      const opened = await upstream.getBlob(repository, digest, options);
      const ending = new AbortController();
      const signals = [ending.signal, signal, ...(options?.signal === undefined ? [] : [options.signal])];
      const body = paced(opened.body, (bytes) =>
        bandwidth.spend(bytes, () => isWaitedFor(digest), AbortSignal.any(signals)),
      );
      return {
        ...opened,
        body,
        close() {
          ending.abort(new Error('the body was closed'));
          opened.close();
        },
      };
    },
  };
}

async function* paced(body: AsyncIterable<Buffer>, spend: (bytes: number) => Promise<void>): AsyncGenerator<Buffer> {
  for await (const chunk of body) {
    // The length is read first, because the reader may have freed the chunk when it requests the next one.
    const { length } = chunk;
    yield chunk;
    await spend(length);
  }
}
