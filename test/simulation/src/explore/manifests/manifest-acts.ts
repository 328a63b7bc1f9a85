// All faults that only the manifest scenario has.
import { type NodeActsOptions, createNodeActs } from './node-acts.ts';
import { createRepositoryActs } from './repository-acts.ts';
import { createStoreActs, type StoreActsOptions } from './store-acts.ts';
import { createUpstreamActs, type UpstreamActsOptions } from './upstream-acts.ts';

type ManifestActsOptions = UpstreamActsOptions &
  Omit<NodeActsOptions, 'upstream'> &
  Pick<StoreActsOptions, 'isDamaged'>;

export function createManifestActs(options: ManifestActsOptions) {
  const { weather, repositories, owner, trace } = options;
  return {
    ...createUpstreamActs(options),
    ...createNodeActs({ ...options, upstream: owner.name }),
    ...createStoreActs({ ...options, objects: weather.objects }),
    ...createRepositoryActs(repositories, trace),
  };
}
