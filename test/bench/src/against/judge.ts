// Judges one figure. Every round runs the old commit twice and the new one once, in separate processes. If both were
// equally fast, any of the three values of a round could be the new one's. `judge` compares the real choice with all
// other choices of one value from every round.

/** The values of one figure in one round. `again` is the second run of the old commit. */
export interface RoundValues {
  readonly old: number;
  readonly new: number;
  readonly again: number;
}

export type Outcome = 'slower' | 'faster' | 'no difference' | 'too few rounds' | 'no ratio';

export interface Verdict {
  readonly outcome: Outcome;
  /** The ratio of new to old. Below 1 is worse, whether high or low values are better. */
  readonly ratio: number;
  /** Two standard errors of the rounds around the ratio. */
  readonly interval: readonly [low: number, high: number];
  /** The ratio of the two runs of the old commit (A/A), which differs from 1 only by noise. */
  readonly noise: number;
}

/** A ratio within 5 % of 1 counts as no difference, even if it is significant. */
const leastDistance = Math.log(1 / 0.95);
/**
 * The largest acceptable part of choices that look as bad as the real one. A figure is judged up to four times
 * (`looks`), so with some 40 figures at most one run of 12 has a false alarm.
 */
const mostChance = 0.0005;
/** With fewer rounds, even the worst choice of all is more likely than `mostChance`. */
export const fewestRounds = Math.ceil(Math.log(1 / mostChance) / Math.log(3));
/** A figure that looks worse without a proof gets the same number of rounds again, until it was judged this often. */
export const looks = 4;

/** Judges positive values. Other values have no ratio. */
export function judge(rounds: readonly RoundValues[], better: 'higher' | 'lower'): Verdict {
  const sign = better === 'higher' ? 1 : -1;
  const logs = rounds.map((values) => ({
    old: sign * Math.log(values.old),
    new: sign * Math.log(values.new),
    again: sign * Math.log(values.again),
  }));
  const distances = logs.map((log) => log.new - (log.old + log.again) / 2);
  const distance = mean(distances);
  const noise = mean(logs.map((log) => log.again - log.old));
  const halfWidth = 2 * standardError(distances);
  const outcome = outcomeOf(logs, distance, noise);
  return {
    outcome,
    ratio: Math.exp(distance),
    interval: [Math.exp(distance - halfWidth), Math.exp(distance + halfWidth)],
    noise: Math.exp(noise),
  };
}

/** Returns true for a figure that looks worse, but whose noise hides the proof. */
export function isInDoubt({ outcome, ratio }: Verdict): boolean {
  return outcome === 'no difference' && Math.log(ratio) < -leastDistance;
}

function outcomeOf(logs: readonly RoundValues[], distance: number, noise: number): Outcome {
  if (!Number.isFinite(distance) || !Number.isFinite(noise)) return 'no ratio';
  if (logs.length < fewestRounds) return 'too few rounds';
  if (Math.abs(distance) <= Math.max(leastDistance, Math.abs(noise))) return 'no difference';
  const chance = distance < 0 ? chanceOfAsLow(logs, 1) : chanceOfAsLow(logs, -1);
  if (chance > mostChance) return 'no difference';
  return distance < 0 ? 'slower' : 'faster';
}

/** Returns the part of all choices of one value a round whose sum is at most that of the new values. */
function chanceOfAsLow(logs: readonly RoundValues[], sign: 1 | -1): number {
  // Values are rounded to steps of 0.1 %, so that similar sums coincide.
  const steps = logs.map((log) => [log.new, log.old, log.again].map((value) => Math.round(sign * value * 1000)));
  let choices = new Map([[0, 1]]);
  for (const values of steps) {
    const next = new Map<number, number>();
    for (const [sum, count] of choices)
      for (const value of values) next.set(sum + value, (next.get(sum + value) ?? 0) + count);
    choices = next;
  }
  const real = steps.reduce((sum, [value = 0]) => sum + value, 0);
  const asLow = [...choices].filter(([sum]) => sum <= real).reduce((count, [, more]) => count + more, 0);
  return asLow / 3 ** logs.length;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Returns NaN for a single value. */
function standardError(values: readonly number[]): number {
  const middle = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1) / values.length);
}
