// The files of every client for one cache.
import { type CacheAddress, createFacts, type ServedUpstream, type SetupStep } from './client-setup.ts';
import { clientSetups } from './client-setups.ts';

export interface DescribedClient {
  readonly name: string;
  readonly steps: readonly SetupStep[];
}

/** `upstreams`: in any order. */
export function describeClientSetups(
  cache: CacheAddress,
  upstreams: readonly ServedUpstream[],
): readonly DescribedClient[] {
  const facts = createFacts(cache, upstreams);
  return Object.entries(clientSetups).map(([name, setup]) => ({ name, steps: setup(facts) }));
}
