// Purges while the upstream's response is in flight. That response was formed before the purge, so the cache must not
// keep it.
import { pause } from '../../cluster/pause.ts';
import type { Random } from '../../world/random.ts';
import type { SimulatedRepository } from './image-catalog.ts';
import { type Client, pullImage } from './pull-image.ts';
import { allOf, type Purges, tagOf } from './purges.ts';
import type { ScenarioFacts } from './scenario-facts.ts';

export interface PurgeWhileFetched {
  readonly facts: ScenarioFacts;
  readonly purges: Purges;
  readonly repository: SimulatedRepository;
  readonly tag: string;
  /** Returns another client for each pull. */
  readonly puller: () => Client;
  /** Time until all nodes have received the purge. */
  readonly spreadMs: number;
  readonly random: Random;
}

const leastDelayMs = 400;
const delayMs = 800;

export async function purgeWhileFetched(given: PurgeWhileFetched): Promise<void> {
  const { facts, purges, repository, tag, puller, spreadMs, random } = given;
  const { upstream, name } = repository;
  const late = upstream.addFault(
    { endpoint: 'manifest', repository: name, reference: tag, times: 1 },
    { delayMs: leastDelayMs + random(delayMs) },
  );
  const pulled = pullImage({ facts, client: puller(), repository }, tag);
  await pause(random(leastDelayMs));
  await purges.purge(random.chance(0.5) ? tagOf(repository, tag) : allOf(repository));
  await pulled;
  late.remove();
  await pause(spreadMs);
  await pullImage({ facts, client: puller(), repository }, tag);
}
