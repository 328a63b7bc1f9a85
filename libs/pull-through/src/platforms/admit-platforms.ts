// The use cases for clients that may have some platforms and others not: manifests and blobs are theirs by what names them.
import type { RepositoryKey } from '@cistern/cache-index';
import type { Digest } from '@cistern/oci';
import type { ManifestRequest, PlatformRule, PullThrough } from '../pull-through.ts';
import type { PlatformsOf } from './platforms-of.ts';

/** A request without a rule costs nothing. */
export function admitPlatforms(cache: PullThrough, platformsOf: PlatformsOf): PullThrough {
  /** What was named by a moment ago is not denied for it: it is looked at again. */
  async function admit(key: RepositoryKey, digest: Digest, rule: PlatformRule): Promise<void> {
    if (rule(await platformsOf.recently(key, digest)) === undefined) return;
    const denial = rule(await platformsOf.now(key, digest));
    if (denial !== undefined) throw denial;
  }

  /** Which manifest a tag names is known afterwards. */
  function ofManifest<R extends { readonly digest: Digest }>(open: (request: ManifestRequest) => Promise<R>) {
    return async (request: ManifestRequest): Promise<R> => {
      const { platformRule: rule, reference } = request;
      if (rule === undefined) return open(request);
      if (reference.kind === 'digest') await admit(request, reference.digest, rule);
      const opened = await open(request);
      if (reference.kind === 'tag') await admit(request, opened.digest, rule);
      return opened;
    };
  }

  return {
    ...cache,
    recallManifest: (request, want) =>
      request.platformRule === undefined ? cache.recallManifest(request, want) : undefined,
    recallBlob: (request) => (request.platformRule === undefined ? cache.recallBlob(request) : undefined),
    statManifest: ofManifest(cache.statManifest),
    openManifest: ofManifest(cache.openManifest),
    async openBlob(request) {
      const { platformRule: rule, digest } = request;
      if (rule !== undefined) await admit(request, digest, rule);
      return cache.openBlob(request);
    },
  };
}
