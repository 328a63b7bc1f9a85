// Calls the use cases as a frontend does, which first tries to serve from memory. So each test of manifests also tests the
// memory. Each call waits for the end of the turn of the event loop, when pulls are counted.
import { setImmediate as turn } from 'node:timers/promises';
import type { PullThrough } from '../requests/pull-through.ts';
import { asCaller, type TestPullThrough } from './as-caller.ts';

export function servingFromMemory(cache: PullThrough): TestPullThrough {
  return asCaller({
    ...cache,
    async statManifest(request) {
      const known = cache.manifestFromMemory(request, 'facts');
      if (known === undefined) return cache.statManifest(request);
      await turn();
      const { bytes: _, ...facts } = known;
      return facts;
    },
    async openManifest(request) {
      const known = cache.manifestFromMemory(request, 'bytes');
      if (known?.bytes === undefined) return cache.openManifest(request);
      await turn();
      return { ...known, bytes: known.bytes };
    },
  });
}
