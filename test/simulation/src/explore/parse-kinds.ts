// Parses the kinds of faults that `npm run sim -- --faults` names.
import { defaultKinds, type NamedKinds, nameOfKind } from './fault-plan.ts';
import type { Scenario } from './run-world.ts';

/** Parses a list such as `skewed-clock,default`. Throws for a kind that the scenario does not have. */
export function parseKinds(text: string, { name, kinds }: Scenario): NamedKinds {
  const known = [defaultKinds, ...kinds] as const;
  return text.split(',').map((one) => {
    const found = known.find((kind) => nameOfKind(kind) === one);
    if (found === undefined)
      throw new Error(`The scenario ${name} has no fault "${one}". Use one of: ${known.map(nameOfKind).join(' ')}`);
    return found;
  });
}
