// The files of every client for one cache.
import { type CacheAddress, type SetupStep } from './client-setup.ts';
import { clientSetups } from './client-setups.ts';

export interface DescribedClient {
  readonly name: string;
  readonly steps: readonly SetupStep[];
}

/** `upstreams`: names, in any order. */
export function describeClientSetups(cache: CacheAddress, upstreams: readonly string[]): readonly DescribedClient[] {
  const sorted = [
    ...upstreams.filter((name) => name === 'docker.io'),
    ...upstreams.filter((name) => name !== 'docker.io'),
  ];
  return Object.entries(clientSetups).map(([name, setup]) => ({ name, steps: setup({ cache, upstreams: sorted }) }));
}
