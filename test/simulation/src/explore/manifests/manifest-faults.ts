// The frequency of the faults of this scenario, and the kinds that harm only a part of the cluster.
import type { FaultKind, FaultTable } from '../fault-plan.ts';

export const manifestFaults: FaultTable = {
  'kill worker': { chance: 0.3, most: 2, lastsMs: 4_000 },
  'freeze worker': { chance: 0.2, most: 1, lastsMs: 10_000 },
  'terminate worker': { chance: 0.2, most: 1, lastsMs: 3_000 },
  'kill frontend': { chance: 0.15, most: 1, lastsMs: 3_000 },
  'terminate frontend': { chance: 0.15, most: 1, lastsMs: 3_000 },
  'freeze frontend': { chance: 0.15, most: 1, lastsMs: 8_000 },
  'cut link': { chance: 0.2, most: 1, lastsMs: 8_000 },
  'cut upstream': { chance: 0.2, most: 1, lastsMs: 8_000 },
  'index away': { chance: 0.25, most: 2, lastsMs: 6_000 },
  'index lost': { chance: 0.2, most: 1, lastsMs: 0 },
  'store away': { chance: 0.25, most: 2, lastsMs: 6_000 },
  'damage stored': { chance: 0.15, most: 2, lastsMs: 0 },
  'upstream breaks': { chance: 0.25, most: 2, lastsMs: 10_000 },
  'upstream lies': { chance: 0.25, most: 2, lastsMs: 10_000 },
  'upstream stalls': { chance: 0.2, most: 2, lastsMs: 10_000 },
  'upstream throttles': { chance: 0.2, most: 1, lastsMs: 6_000 },
  'upstream away': { chance: 0.15, most: 1, lastsMs: 6_000 },
  'announcements lost': { chance: 0.2, most: 1, lastsMs: 20_000 },
  'clients leave': { chance: 0.3, most: 1, lastsMs: 0 },
  'clients slow': { chance: 0.3, most: 1, lastsMs: 0 },
  'slow repository': { chance: 0.2, most: 1, lastsMs: 15_000 },
  'worker without network': { chance: 0.2, most: 1, lastsMs: 20_000 },
  'broken repository': { chance: 0.2, most: 2, lastsMs: 15_000 },
  'undeletable objects': { chance: 0.15, most: 1, lastsMs: 15_000 },
  'unreadable objects': { chance: 0.15, most: 1, lastsMs: 15_000 },
  'few slots': { chance: 0.2, most: 1, lastsMs: 0 },
  'skewed clock': { chance: 0.2, most: 2, lastsMs: 15_000 },
};

/** Kinds that harm only a part of the cluster. With them alone, each pull of a healthy repository succeeds. */
export const boundedFaults: ReadonlySet<FaultKind> = new Set([
  'clients leave',
  'clients slow',
  'worker without network',
  'slow repository',
  'broken repository',
  'undeletable objects',
  'few slots',
  'skewed clock',
]);
