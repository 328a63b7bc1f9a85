// Creates the job handlers of a pull for a worker.
import { CacheError } from '@cistern/errors';
import type { JobHandlers } from '@cistern/jobs';
import { fetchBlob, type FetchBlobDeps } from './fetch-blob.ts';
import { fetchReferrers, fetchTags } from './fetch-lists.ts';
import { fetchManifest } from './fetch-manifest.ts';
import { revalidateTag } from './revalidate-tag.ts';
import { statBlob } from './stat-blob.ts';

export interface PullHandlerDeps extends FetchBlobDeps {
  /** Fetches the JWKS of an OIDC issuer. Default: rejects with `name-unknown`, because no issuer is configured. */
  readonly fetchIssuerKeys?: (issuer: string, signal: AbortSignal) => Promise<void>;
}

type PullJob = Exclude<keyof JobHandlers, 'prewarm-tag' | 'prewarm-blobs'>;

export function createPullHandlers(deps: PullHandlerDeps): Pick<JobHandlers, PullJob> {
  const { fetchIssuerKeys = refuseIssuer } = deps;
  return {
    'fetch-blob': (payload, context) => fetchBlob(deps, payload, context),
    'fetch-manifest': (payload, { signal }) => fetchManifest(deps, payload, { signal }),
    'stat-blob': (payload, { signal }) => statBlob(deps, payload, signal),
    'revalidate-tag': (payload, { signal, class: jobClass, handsOver }) =>
      revalidateTag(deps, payload, signal, { isBehind: jobClass === 'background', handsOver }),
    'fetch-tags': (payload, context) => fetchTags(deps, payload, context),
    'fetch-referrers': (payload, context) => fetchReferrers(deps, payload, context),
    'find-worker': async () => ({ address: deps.address }),
    'fetch-issuer-keys': ({ issuer }, { signal }) => fetchIssuerKeys(issuer, signal).then(() => null),
  };
}

function refuseIssuer(issuer: string): Promise<never> {
  return Promise.reject(new CacheError('name-unknown', `No issuer "${issuer}" is configured. Add it to auth.oidc.`));
}
