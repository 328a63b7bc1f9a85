// Runs old and new in turn, round after round. Each round starts new processes for both, because one process of the
// same sources can be faster than another for its whole life.
import type { ContenderKind, Site } from '../contenders/contender.ts';
import { type Contenders, openContenders } from '../contenders/open-contenders.ts';
import { familyOf } from '../report/tables.ts';
import type { Figure, Workload } from '../workloads/workload.ts';

type Side = 'old' | 'new' | 'again';

const titles: Readonly<Record<Side, string>> = { old: 'old', new: 'new', again: 'old again' };

/** Lists every order once, each after its reverse, so that no side has a better position. */
const orders: readonly (readonly Side[])[] = [
  ['old', 'new', 'again'],
  ['again', 'new', 'old'],
  ['new', 'again', 'old'],
  ['old', 'again', 'new'],
  ['again', 'old', 'new'],
  ['new', 'old', 'again'],
];

/** The figures of one round, in the order of the workload. */
type TurnFigures = Readonly<Record<Side, readonly Figure[]>>;

/** The result of one workload on one kind of contender. */
export interface Compared {
  readonly workload: Workload;
  readonly kind: ContenderKind;
  readonly rounds: readonly TurnFigures[];
  /** A sentence if a side returned errors or wrong bytes. That workload has no figures. */
  readonly failure?: string;
}

export interface TurnOptions {
  /** `again` is a second server of the same commit as `old`. */
  readonly sites: Readonly<Record<Side, Site>>;
  readonly rounds: number;
  /** How often a workload gets that many rounds at most. */
  readonly looks: number;
  /** Asked after the rounds of each workload. */
  readonly needsMoreRounds: (compared: Compared) => boolean;
  readonly seconds: number;
  readonly isFull: boolean;
  readonly print: (text: string) => void;
}

interface Pair {
  readonly workload: Workload;
  readonly kind: ContenderKind;
  readonly rounds: TurnFigures[];
  failure?: string;
}

/** Returns the contenders of a workload that are Cistern. Other contenders are the same in every commit. */
export function ownKinds({ contenders }: Workload): ContenderKind[] {
  return contenders.filter((kind) => familyOf(kind) === 'cistern');
}

/** Runs all rounds of each workload, after an uncounted one that fills caches of compiled sources. */
export async function measureTurns(workloads: readonly Workload[], options: TurnOptions): Promise<Compared[]> {
  const pairs = workloads.flatMap((workload) =>
    ownKinds(workload).map((kind): Pair => ({ workload, kind, rounds: [] })),
  );
  const { rounds, looks, needsMoreRounds, print } = options;
  await measureRounds(pairs, 0, rounds, options);
  for (let look = 1; look < looks; look += 1) {
    const doubtful = pairs.filter(needsMoreRounds);
    if (doubtful.length === 0) break;
    print(
      `${rounds} more rounds, because these look slower: ${doubtful.map(({ workload }) => workload.name).join(', ')}`,
    );
    await measureRounds(doubtful, look * rounds + 1, (look + 1) * rounds, options);
  }
  return pairs;
}

async function measureRounds(pairs: readonly Pair[], first: number, last: number, options: TurnOptions): Promise<void> {
  for (let round = first; round <= last; round += 1) {
    const open = (side: Side) =>
      openContenders(options.sites[side], (text) => options.print(`${text}, ${titles[side]}`));
    const contenders = { old: open('old'), new: open('new'), again: open('again') };
    try {
      for (const [position, pair] of pairs.entries()) {
        const kinds = pairs.slice(position).map(({ kind }) => kind);
        for (const running of Object.values(contenders)) await running.keepOnly(kinds);
        if (pair.failure === undefined) await takeTurns(pair, contenders, { ...options, round, last });
      }
    } finally {
      for (const running of Object.values(contenders)) await running.close();
    }
  }
}

async function takeTurns(
  pair: Pair,
  contenders: Readonly<Record<Side, Contenders>>,
  { sites, round, last, seconds, isFull, print }: TurnOptions & { readonly round: number; readonly last: number },
): Promise<void> {
  const { workload, kind } = pair;
  const name = round === 0 ? 'round before the count' : `round ${round}/${last}`;
  const figures: Record<Side, readonly Figure[]> = { old: [], new: [], again: [] };
  for (const side of orders[round % orders.length] ?? []) {
    print(`${workload.title}, ${kind.name}, ${name}: ${titles[side]}`);
    const contender = () => contenders[side].get(kind);
    try {
      figures[side] = await workload.run({
        kind,
        contender,
        site: sites[side],
        round,
        isWarm: false,
        seconds,
        isFull,
      });
    } catch (error) {
      pair.failure = `${workload.name}, ${kind.name}, ${titles[side]}: ${error instanceof Error ? error.message : String(error)}`;
      pair.rounds.length = 0;
      print(`  ${pair.failure}`);
      return;
    }
  }
  if (round > 0) pair.rounds.push(figures);
}
