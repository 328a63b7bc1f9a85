// The last pulls of a run, after all faults are over.
import { pause } from '../../cluster/pause.ts';
import { currentOf, type SimulatedRepository } from './image-catalog.ts';
import { type Client, pullImage } from './pull-image.ts';
import type { ScenarioFacts } from './scenario-facts.ts';

/** Checks that the frontend serves the image that the tag names at its upstream. */
export async function servesNow(
  facts: ScenarioFacts,
  client: Client,
  repository: SimulatedRepository,
  tag: string,
): Promise<void> {
  const stayed = { ...client, leavesAfterMs: () => undefined };
  for (let tries = 3; ; tries -= 1) {
    const named: string[] = [];
    const result = await pullImage({ facts, client: stayed, repository }, tag, (digest) => named.push(digest));
    if (result === 'served' && named[0] === currentOf(repository, tag)) return;
    if (tries === 1)
      return facts.problem(
        `${client.clientName}: ${repository.name}:${tag} is ${result} in the end, ${named[0] ?? 'no digest'}`,
      );
    await pause(3_000);
  }
}
