// The use cases for clients that may have some platforms and others not: manifests and blobs are theirs by what names them
// (decision 0035).
import type { RepositoryKey } from '@cistern/index';
import type { CacheError } from '@cistern/errors';
import type { Digest } from '@cistern/oci';
import type { PlatformRule } from '../access/authorized-repository.ts';
import type { ManifestRequest, PullThrough } from '../requests/pull-through.ts';
import type { PlatformsOf } from '../platforms/platforms-of.ts';

/** The rule's denial of a digest that is only of platforms the rule denies; `undefined` if the caller may have it. */
export type FindDenial = (key: RepositoryKey, digest: Digest, rule: PlatformRule) => Promise<CacheError | undefined>;

export function createFindDenial(platformsOf: PlatformsOf): FindDenial {
  return async (key, digest, rule) => {
    if (rule(await platformsOf.recently(key, digest)) === undefined) return undefined;
    // An index stored since the last look may name it for another platform.
    return rule(await platformsOf.now(key, digest));
  };
}

/** A request without a rule costs nothing. */
export function guardPlatforms(cache: PullThrough, findDenial: FindDenial): PullThrough {
  async function admit(key: RepositoryKey, digest: Digest, rule: PlatformRule): Promise<void> {
    const denial = await findDenial(key, digest, rule);
    if (denial !== undefined) throw denial;
  }

  /** Which manifest a tag names is known afterwards. */
  function ofManifest<R extends { readonly digest: Digest }>(open: (request: ManifestRequest) => Promise<R>) {
    return async (request: ManifestRequest): Promise<R> => {
      const { target, reference } = request;
      const { platformRule: rule } = target;
      if (rule === undefined) return open(request);
      if (reference.kind === 'digest') await admit(target, reference.digest, rule);
      const opened = await open(request);
      if (reference.kind === 'tag') await admit(target, opened.digest, rule);
      return opened;
    };
  }

  return {
    ...cache,
    manifestFromMemory: (request, want) =>
      request.target.platformRule === undefined ? cache.manifestFromMemory(request, want) : undefined,
    blobFromMemory: (request) =>
      request.target.platformRule === undefined ? cache.blobFromMemory(request) : undefined,
    statManifest: ofManifest(cache.statManifest),
    openManifest: ofManifest(cache.openManifest),
    async openBlob(request) {
      const { target, digest } = request;
      if (target.platformRule !== undefined) await admit(target, digest, target.platformRule);
      return cache.openBlob(request);
    },
  };
}
