// Simulates a caller that requests content of one repository from another. The content is not cached, in flight, in
// memory or in the store.
import { pause } from '../../cluster/pause.ts';
import type { Random } from '../../world/random.ts';
import { claimsOf } from './claims-of.ts';
import type { SimulatedRepository } from './image-catalog.ts';
import { type Client, getContent, pullImage, type Wanted } from './pull-image.ts';
import type { ScenarioFacts } from './scenario-facts.ts';

export interface Theft {
  readonly facts: ScenarioFacts;
  readonly thief: Client;
  /** A client that is allowed to pull everything. */
  readonly puller: Client;
  readonly tags: readonly string[];
  readonly random: Random;
  readonly trace: (text: string) => void;
}

const mostTries = 3;
const betweenMs = 600;
const noteMs = 200;

export async function steal({ facts, thief, puller, tags, random, trace }: Theft): Promise<void> {
  const place = random.pick(facts.repositories);
  const { victim, wanted } = (random.chance(0.5) ? namedBy(place, facts, random) : undefined) ?? anyOf(facts, random);
  // In the victim itself, the thief uses a token for another repository, which grants nothing.
  const scope = place === victim ? random.pick(facts.repositories.filter((one) => one !== place)) : place;
  const pulled = random.chance(0.5)
    ? pullImage({ facts, client: puller, repository: victim }, random.pick(tags))
    : undefined;
  if (random.chance(0.4)) await pullImage({ facts, client: thief, repository: place }, random.pick(tags));
  trace(
    `${thief.clientName} requests at ${place.fullName} ${wanted.reference} of ${victim.fullName} as ${thief.caller.user}`,
  );
  for (let tries = 1 + random(mostTries); tries > 0; tries -= 1) {
    await pause(random(random.pick([noteMs, betweenMs])));
    const method = random.chance(0.3) ? 'HEAD' : 'GET';
    const request = { ...wanted, scope, method, mayBeRange: method === 'GET' } as const;
    await getContent({ facts, client: thief, repository: place }, request);
  }
  await pulled;
}

interface Loot {
  readonly victim: SimulatedRepository;
  readonly wanted: Wanted;
}

function anyOf({ repositories }: ScenarioFacts, random: Random): Loot {
  const victim = random.pick(repositories);
  const kind = random.chance(0.7) ? 'blobs' : 'manifests';
  const [reference, { length }] = random.pick([...victim[kind]]);
  return { victim, wanted: { kind, reference, size: length } };
}

/** Returns a blob of another repository that a manifest of this repository names. */
function namedBy(place: SimulatedRepository, { repositories }: ScenarioFacts, random: Random): Loot | undefined {
  const named = claimsOf(place).flatMap(({ digest, size }) => {
    const victim = repositories.find((one) => one !== place && one.blobs.has(digest));
    const wanted = { kind: 'blobs', reference: digest, size } as const;
    return victim === undefined || place.blobs.has(digest) ? [] : [{ victim, wanted }];
  });
  return named.length === 0 ? undefined : random.pick(named);
}
