// All faults that only this scenario has.
import { type NodeActsOptions, createNodeActs } from './node-acts.ts';
import { createRepositoryActs } from './repository-acts.ts';
import { createStoreActs } from './store-acts.ts';
import { createUpstreamActs, type UpstreamActsOptions } from './upstream-acts.ts';

export function createManifestActs(options: UpstreamActsOptions & Omit<NodeActsOptions, 'upstream'>) {
  const { weather, repositories, owner, trace } = options;
  return {
    ...createUpstreamActs(options),
    ...createNodeActs({ ...options, upstream: owner.name }),
    ...createStoreActs(weather.objects, trace),
    ...createRepositoryActs(repositories, trace),
  };
}
