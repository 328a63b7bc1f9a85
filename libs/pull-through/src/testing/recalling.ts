// The use cases as a frontend calls them: what the process knows of manifests is asked first, so that every test of them is
// one of that too.
import type { PullThrough } from '../pull-through.ts';

export function recalling(cache: PullThrough): PullThrough {
  return {
    ...cache,
    async statManifest(request) {
      const known = cache.recallManifest(request, 'facts');
      if (known === undefined) return cache.statManifest(request);
      const { bytes: _, ...facts } = known;
      return facts;
    },
    async openManifest(request) {
      const known = cache.recallManifest(request, 'bytes');
      return known?.bytes === undefined ? cache.openManifest(request) : { ...known, bytes: known.bytes };
    },
  };
}
