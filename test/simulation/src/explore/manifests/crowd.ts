// Clients that pull one repository repeatedly, even after failures.
import { pause } from '../../cluster/pause.ts';
import type { Random } from '../../world/random.ts';
import type { SimulatedRepository } from './image-catalog.ts';
import { type Client, pullImage } from './pull-image.ts';
import type { ScenarioFacts } from './scenario-facts.ts';
import { readList } from './read-lists.ts';

export interface Crowd {
  readonly facts: ScenarioFacts;
  readonly repository: SimulatedRepository;
  /** Returns another client on each call. */
  readonly puller: () => Client;
  readonly tags: readonly string[];
  readonly random: Random;
}

const clients = 4;
const mostTurns = 4;
const startsWithinMs = 12_000;
const pauseMs = 1_500;

export async function crowd({ facts, repository, puller, tags, random }: Crowd): Promise<void> {
  const pullAgain = async () => {
    await pause(random(startsWithinMs));
    for (let turns = 1 + random(mostTurns); turns > 0; turns -= 1) {
      const client = puller();
      if (random.chance(0.3)) await readList(facts, client, 'referrers', repository);
      await pullImage({ facts, client, repository }, random.pick(tags));
      await pause(random(pauseMs));
    }
  };
  await Promise.all(Array.from({ length: clients }, pullAgain));
}
