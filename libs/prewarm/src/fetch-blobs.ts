// Blobs into the store before anybody asks for them, by fills like any other: whoever asks meanwhile follows. They take no
// more than half of the spool and wait for it outside its line, in which clients stand.
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
  /** `undefined`: nobody says. */
  readonly size: number | undefined;
}

export interface FetchBlobsDeps extends FetchBlobDeps {
  /** Absent: as fast as they come. */
  readonly bandwidth?: Bandwidth | undefined;
}

export interface FetchBlobsOptions {
  readonly signal: AbortSignal;
  /** A blob is here that was not. */
  readonly onStored: (blob: WantedBlob) => void;
}

const atOnce = 2;
const lookAgainMs = 500;
const spoolShare = 0.5;

/** Rejects with the first failure of any, when none is under way any more. */
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
      // Does nothing where somebody else is at it.
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

/** Rejects at once where there is no room. */
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

/** An upstream whose blobs come at the pace of `bandwidth` until a client waits for them, and then as fast as they can. */
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
    // When its reader asks for the next one, it may have freed this one.
    const { length } = chunk;
    yield chunk;
    await spend(length);
  }
}
