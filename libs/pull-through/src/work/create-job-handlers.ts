// All job handlers, as a worker runs them.
import type { JobHandlers } from '@cistern/jobs';
import { createPrewarmHandlers, type PrewarmDeps } from '../prewarm/create-prewarm-handlers.ts';
import { fetchBlob } from './fetch-blob.ts';
import { fetchReferrers, fetchTags } from './fetch-lists.ts';
import { fetchManifest } from './fetch-manifest.ts';
import { revalidateTag } from './revalidate-tag.ts';
import { statBlob } from './stat-blob.ts';
import { sweepUploads } from './sweep-uploads.ts';

export function createJobHandlers(deps: PrewarmDeps): JobHandlers {
  return {
    'fetch-blob': (payload, context) => fetchBlob(deps, payload, context),
    'fetch-manifest': (payload, { signal }) => fetchManifest(deps, payload, { signal }),
    'stat-blob': (payload, { signal }) => statBlob(deps, payload, signal),
    'revalidate-tag': (payload, { signal }) => revalidateTag(deps, payload, signal),
    'fetch-tags': (payload, { signal }) => fetchTags(deps, payload, signal),
    'fetch-referrers': (payload, { signal }) => fetchReferrers(deps, payload, signal),
    'sweep-uploads': (payload) => sweepUploads(deps, payload),
    ...createPrewarmHandlers(deps),
  };
}
