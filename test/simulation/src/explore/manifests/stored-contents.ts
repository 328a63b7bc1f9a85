// Watches and damages the contents of the store without the knowledge of the nodes.
import { digestAlgorithm, digestOf } from '@cistern/oci';
import type { SimulatedNodes } from '../../nodes/start-nodes.ts';
import type { Random } from '../../world/random.ts';

export function checkCommits({ store }: SimulatedNodes, problem: (text: string) => void): void {
  store.stored.watch((digest, bytes) => {
    if (digestOf(Buffer.from(bytes), digestAlgorithm(digest)) !== digest) problem('wrong bytes were committed');
  });
}

/** Removes or truncates a random object, or changes one of its bytes. */
export function damageStored({ store: { stored } }: SimulatedNodes, random: Random, degree: number): void {
  const entries = stored.entries();
  if (entries.length === 0) return;
  const [digest, bytes] = random.pick(entries);
  const flipped = Buffer.from(bytes);
  const at = random(bytes.length);
  flipped[at] = flipped[at]! ^ 1;
  if (degree < 0.2) stored.damage(digest, undefined);
  else stored.damage(digest, degree < 0.4 ? bytes.subarray(0, at) : flipped);
}
