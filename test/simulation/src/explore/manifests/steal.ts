// A caller that asks for content in the wrong place, while it is not here, on its way, in memory or in the store.
import { pause } from '../../cluster/pause.ts';
import type { Random } from '../../world/random.ts';
import type { SimulatedRepository } from './image-catalog.ts';
import { type Client, getContent, pullImage, type Wanted } from './pull-image.ts';
import type { ScenarioFacts } from './scenario-facts.ts';

export interface Theft {
  readonly facts: ScenarioFacts;
  readonly thief: Client;
  /** One that may pull everything. */
  readonly puller: Client;
  readonly tags: readonly string[];
  readonly random: Random;
  readonly trace: (text: string) => void;
}

const mostTries = 3;
const betweenMs = 600;
const noteMs = 200;

export async function steal({ facts, thief, puller, tags, random, trace }: Theft): Promise<void> {
  const victim = random.pick(facts.repositories);
  const place = random.pick(facts.repositories);
  // In the place itself, a token for another repository is of no use.
  const wanted = place === victim ? { ...anyOf(victim, random), scope: otherThan(victim, facts, random) } : hidden();
  const pulled = random.chance(0.5)
    ? pullImage({ facts, client: puller, repository: victim }, random.pick(tags))
    : undefined;
  if (random.chance(0.3)) await pullImage({ facts, client: thief, repository: place }, random.pick(tags));
  if (wanted !== undefined)
    trace(`${thief.who} asks ${place.fullName} for ${wanted.reference} of ${victim.fullName} as ${thief.caller.user}`);
  for (let tries = 1 + random(mostTries); wanted !== undefined && tries > 0; tries -= 1) {
    await pause(random(random.pick([noteMs, betweenMs])));
    const method = random.chance(0.3) ? 'HEAD' : 'GET';
    await getContent({ facts, client: thief, repository: place }, { ...wanted, method, mayBeRange: method === 'GET' });
  }
  await pulled;

  /** What the place does not have. */
  function hidden(): Wanted | undefined {
    const found = anyOf(victim, random);
    if (place[found.kind].has(found.reference)) return undefined;
    // The upstream would refuse a manifest as a blob and the reverse, and the cache has both in one store.
    return random.chance(0.2) ? { ...found, kind: found.kind === 'blobs' ? 'manifests' : 'blobs' } : found;
  }
}

function anyOf(repository: SimulatedRepository, random: Random): Wanted & { readonly size: number } {
  const kind = random.chance(0.7) ? 'blobs' : 'manifests';
  const [reference, { length }] = random.pick([...repository[kind]]);
  return { kind, reference, size: length };
}

function otherThan(repository: SimulatedRepository, { repositories }: ScenarioFacts, random: Random) {
  return random.pick(repositories.filter((one) => one !== repository));
}
