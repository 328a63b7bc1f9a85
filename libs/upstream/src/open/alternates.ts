// Adds alternates to an upstream. Alternates are other registries, which are called while the upstream's own registry
// fails.
import { isCacheError } from '@cistern/errors';
import type { UpstreamMetrics } from '@cistern/telemetry';
import { startLifetime } from '../calls/call.ts';
import type { CallOptions, Upstream } from '../upstream.ts';

export interface AlternatesOptions {
  readonly metrics: UpstreamMetrics;
  /** How long a HEAD waits for the registry itself before it is also sent to an alternate. */
  readonly hedgeAfterMs: number;
}

/**
 * Calls the registry itself first. If it fails, calls its alternates in their order. A response such as `denied` or
 * `manifest-unknown` is no failure, so alternates are not called. The same response of an alternate is ignored. If no
 * registry answers, the failure of the registry itself is thrown. A slow HEAD is also sent to an alternate, and the
 * first answer ends the other request.
 */
export function withAlternates(
  main: Upstream,
  alternates: readonly Upstream[],
  { metrics, hedgeAfterMs }: AlternatesOptions,
): Upstream {
  const [next] = alternates;
  if (next === undefined) return main;

  async function callAlternates<T>(call: Call<T>, options: CallOptions, failure?: unknown): Promise<T> {
    let first = failure;
    for (const alternate of alternates) {
      try {
        const answer = await call(alternate, options);
        metrics.upstreamAlternateCalls.inc({ upstream: main.name, result: 'answered' });
        return answer;
      } catch (error) {
        options.signal?.throwIfAborted();
        first ??= error;
      }
    }
    metrics.upstreamAlternateCalls.inc({ upstream: main.name, result: 'failed' });
    throw first;
  }

  async function inOrder<T>(call: Call<T>, options: CallOptions = {}): Promise<T> {
    try {
      return await call(main, options);
    } catch (error) {
      if (options.signal?.aborted === true || !mayUseAlternates(error, options)) throw error;
      return callAlternates(call, options, error);
    }
  }

  async function hedged<T>(call: Call<T>, options: CallOptions = {}): Promise<T> {
    const ending = startLifetime(options.signal, () => new Error('A call has deadlines of its own.'));
    const shared = { ...options, signal: ending.signal };
    try {
      return await firstAnswer({
        main: () => call(main, shared),
        others: () => callAlternates(call, shared),
        mayUseAlternates: (error) => mayUseAlternates(error, shared),
        hedgeAfterMs,
      });
    } finally {
      ending.abort(new DOMException('Another registry has answered.', 'AbortError'));
      ending.release();
    }
  }

  return {
    name: main.name,
    connectionsPerBlob: main.connectionsPerBlob,
    headManifest: (repository, reference, options) =>
      hedged((one, given) => one.headManifest(repository, reference, given), options),
    headBlob: (repository, digest, options) => hedged((one, given) => one.headBlob(repository, digest, given), options),
    getManifest: (repository, reference, options) =>
      inOrder((one, given) => one.getManifest(repository, reference, given), options),
    // An extra connection must lead to the registry itself, so alternates are not called.
    getBlob: (repository, digest, options) =>
      options?.isExtra === true
        ? main.getBlob(repository, digest, options)
        : inOrder((one, given) => one.getBlob(repository, digest, { ...options, ...given }), options),
    listTags: (repository, page, options) => inOrder((one, given) => one.listTags(repository, page, given), options),
    listReferrers: (repository, digest, query, options) =>
      inOrder((one, given) => one.listReferrers(repository, digest, query, given), options),
    checkAccess: (...given) => main.checkAccess(...given),
    async close() {
      await Promise.all([main, ...alternates].map((one) => one.close()));
    },
  };
}

type Call<T> = (upstream: Upstream, options: CallOptions) => Promise<T>;

/**
 * Reports whether alternates may be called after this error. After a 429 they are called only if nothing is cached,
 * because a cached copy may be newer than that of an alternate.
 */
function mayUseAlternates(error: unknown, { signal, purpose = 'cold' }: CallOptions): boolean {
  if (signal?.aborted === true) return false;
  if (isCacheError(error, 'upstream-unreachable', 'upstream-timeout', 'upstream-refused-us')) return true;
  return purpose === 'cold' && isCacheError(error, 'upstream-rate-limited');
}

interface Race<T> {
  readonly main: () => Promise<T>;
  readonly others: () => Promise<T>;
  readonly mayUseAlternates: (error: unknown) => boolean;
  readonly hedgeAfterMs: number;
}

function firstAnswer<T>({ main, others, mayUseAlternates: allows, hedgeAfterMs }: Race<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    let failure: { readonly error: unknown } | undefined;
    let hedge: Promise<T> | undefined;
    let othersHaveFailed = false;
    const callOthers = (): void => {
      if (hedge !== undefined) return;
      hedge = others();
      hedge.then(resolve, () => {
        othersHaveFailed = true;
        if (failure !== undefined) reject(failure.error);
      });
    };
    const timer = setTimeout(callOthers, hedgeAfterMs);
    main()
      .finally(() => clearTimeout(timer))
      .then(resolve, (error: unknown) => {
        failure = { error };
        if (!allows(error) || othersHaveFailed) reject(error);
        else callOthers();
      });
  });
}
