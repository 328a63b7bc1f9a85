// All job handlers, as a worker runs them.
import { CacheError } from '@cistern/errors';
import type { JobHandlers } from '@cistern/jobs';
import { createPrewarmHandlers, type PrewarmDeps } from '../prewarm/create-prewarm-handlers.ts';
import { fetchBlob } from './fetch-blob.ts';
import { fetchReferrers, fetchTags } from './fetch-lists.ts';
import { fetchManifest } from './fetch-manifest.ts';
import { revalidateTag } from './revalidate-tag.ts';
import { statBlob } from './stat-blob.ts';
import { sweepUploads } from './sweep-uploads.ts';

export interface JobHandlerDeps extends PrewarmDeps {
  /** Default: there are no issuers. */
  readonly fetchIssuerKeys?: (issuer: string, signal: AbortSignal) => Promise<void>;
}

export function createJobHandlers(deps: JobHandlerDeps): JobHandlers {
  const { fetchIssuerKeys = refuseIssuer } = deps;
  return {
    'fetch-blob': (payload, context) => fetchBlob(deps, payload, context),
    'fetch-manifest': (payload, { signal }) => fetchManifest(deps, payload, { signal }),
    'stat-blob': (payload, { signal }) => statBlob(deps, payload, signal),
    'revalidate-tag': (payload, { signal, class: lane }) =>
      revalidateTag(deps, payload, signal, { isBehind: lane === 'background' }),
    'fetch-tags': (payload, { signal }) => fetchTags(deps, payload, signal),
    'fetch-referrers': (payload, { signal }) => fetchReferrers(deps, payload, signal),
    'find-worker': async () => ({ address: deps.address }),
    'sweep-uploads': (payload) => sweepUploads(deps, payload),
    'fetch-issuer-keys': ({ issuer }, { signal }) => fetchIssuerKeys(issuer, signal).then(() => null),
    ...createPrewarmHandlers(deps),
  };
}

function refuseIssuer(issuer: string): Promise<never> {
  return Promise.reject(new CacheError('name-unknown', `No issuer is called "${issuer}" here.`));
}
