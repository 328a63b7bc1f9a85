// Plans the faults of one run as a list, so that a run can be repeated without some of them.
import type { Random } from '../world/random.ts';

export type FaultKind =
  | 'kill worker'
  | 'freeze worker'
  | 'terminate worker'
  | 'kill frontend'
  | 'cut link'
  | 'index away'
  | 'index lost'
  | 'store away'
  | 'damage stored'
  | 'upstream breaks'
  | 'upstream lies'
  | 'upstream stalls'
  | 'upstream refuses'
  | 'announcements lost'
  | 'clients leave'
  | 'clients slow'
  | 'clients stop'
  | 'small spool'
  | 'full disk'
  | 'no ranges'
  | 'sweep'
  | 'late readers'
  | 'terminate frontend'
  | 'freeze frontend'
  | 'cut upstream'
  | 'upstream away'
  | 'upstream throttles'
  | 'worker without network'
  | 'slow repository'
  | 'broken repository'
  | 'undeletable objects'
  | 'unreadable objects'
  | 'few slots'
  | 'skewed clock';

export interface PlannedFault {
  readonly kind: FaultKind;
  readonly target: number;
  readonly other: number;
  /** The fault begins at a time, or at an event of the target. */
  readonly at: { readonly ms: number } | { readonly event: number };
  readonly lastsMs: number;
  /** The severity, from 0 to 1. */
  readonly degree: number;
}

/** The chance that a run has faults of a kind, their highest number, and their longest duration. */
interface FaultOdds {
  readonly chance: number;
  readonly most: number;
  readonly lastsMs: number;
  /** Longest duration of some faults of this kind, instead of the usual one. */
  readonly longMs?: number;
}

export type FaultTable = Readonly<Partial<Record<FaultKind, FaultOdds>>>;

/** The name of all kinds that runs without named kinds draw. */
export const defaultKinds = 'default';

/** The kinds that each run must have. `default` adds the kinds that other runs draw. */
export type NamedKinds = readonly (FaultKind | typeof defaultKinds)[];

export const blobFaults: FaultTable = {
  'kill worker': { chance: 0.45, most: 3, lastsMs: 5_000 },
  'freeze worker': { chance: 0.3, most: 2, lastsMs: 12_000 },
  'terminate worker': { chance: 0.25, most: 2, lastsMs: 3_000 },
  'kill frontend': { chance: 0.15, most: 1, lastsMs: 3_000 },
  'cut link': { chance: 0.3, most: 2, lastsMs: 8_000 },
  'index away': { chance: 0.25, most: 2, lastsMs: 6_000 },
  'index lost': { chance: 0.2, most: 1, lastsMs: 0 },
  'store away': { chance: 0.25, most: 2, lastsMs: 6_000, longMs: 180_000 },
  'damage stored': { chance: 0.2, most: 1, lastsMs: 0 },
  'upstream breaks': { chance: 0.25, most: 1, lastsMs: 20_000 },
  'upstream lies': { chance: 0.2, most: 1, lastsMs: 20_000 },
  'upstream stalls': { chance: 0.3, most: 1, lastsMs: 20_000 },
  'upstream refuses': { chance: 0.15, most: 1, lastsMs: 5_000 },
  'announcements lost': { chance: 0.2, most: 1, lastsMs: 20_000 },
  'clients leave': { chance: 0.35, most: 1, lastsMs: 0 },
  'clients slow': { chance: 0.3, most: 1, lastsMs: 0 },
  'clients stop': { chance: 0.2, most: 1, lastsMs: 0 },
  'small spool': { chance: 0.3, most: 1, lastsMs: 0 },
  'full disk': { chance: 0.2, most: 2, lastsMs: 8_000 },
  'no ranges': { chance: 0.1, most: 1, lastsMs: 0 },
  sweep: { chance: 0.4, most: 3, lastsMs: 0 },
  'late readers': { chance: 0.15, most: 1, lastsMs: 0 },
};

/**
 * Odds for runs whose only faults are those of readers. The pace of the readers is then the only possible cause of
 * delay.
 */
export const readerFaults: FaultTable = {
  'clients leave': { chance: 0.3, most: 1, lastsMs: 0 },
  'clients slow': { chance: 0.5, most: 1, lastsMs: 0 },
  'clients stop': { chance: 0.7, most: 1, lastsMs: 0 },
  'small spool': { chance: 0.8, most: 1, lastsMs: 0 },
  'no ranges': { chance: 0.15, most: 1, lastsMs: 0 },
};

const calm = 0.1;
const mostOften = 4;
const longShare = 0.15;
const beginsWithinMs = 6_000;
const events = 400;

export interface PlanOptions {
  /** This kind is planned more often. */
  readonly often?: FaultKind | undefined;
  readonly table: FaultTable;
  readonly named?: NamedKinds | undefined;
}

/** One run in ten has no faults at all. Each other run has all named kinds. */
export function planFaults(random: Random, { often, table, named }: PlanOptions): PlannedFault[] {
  if (random.chance(calm)) return [];
  return Object.entries(table).flatMap(([name, { chance, most, lastsMs, longMs }]) => {
    const kind = name as FaultKind;
    const isNamed = named?.includes(kind) ?? false;
    if (!isNamed && named?.includes(defaultKinds) === false) return [];
    const isOften = kind === often;
    const count = isOften ? random(mostOften + 1) : isNamed || random.chance(chance) ? 1 + random(most) : 0;
    return Array.from({ length: count }, () => ({
      kind,
      target: random(100),
      other: random(100),
      at: random.chance(0.5) ? { ms: random(beginsWithinMs) } : { event: 1 + random(events) },
      lastsMs: 1 + random((longMs !== undefined && random.chance(longShare) ? longMs : lastsMs) + 1),
      degree: random.fraction(),
    }));
  });
}

export function kindsOf(table: FaultTable): FaultKind[] {
  return Object.keys(table) as FaultKind[];
}

/** About half of the faults that may last until the end of the run do so. */
export function isPermanent({ degree }: PlannedFault): boolean {
  return Math.floor(degree * 100) % 2 === 0;
}

/** Returns how far into its target a fault strikes that has no time of its own, from 0 to below 1. */
export function shareOf({ at }: PlannedFault): number {
  return 'ms' in at ? at.ms / beginsWithinMs : (at.event - 1) / events;
}

export function describeFault(fault: PlannedFault): string {
  const { kind, target, other, at, lastsMs, degree } = fault;
  const time = 'ms' in at ? `at ${at.ms} ms` : `at event ${at.event} of its process`;
  const when = kind === 'full disk' ? `${(100 * shareOf(fault)).toFixed(1)} % into the writes` : time;
  return `${kind} (${target}, ${other}) ${when} for ${lastsMs} ms, ${degree.toFixed(2)}`;
}

/** Returns the name as the command line uses it, such as `skewed-clock`. */
export function nameOfKind(kind: string): string {
  return kind.replaceAll(' ', '-');
}
