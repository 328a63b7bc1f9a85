import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fewestRounds, isInDoubt, judge, looks, type RoundValues } from './judge.ts';

/**
 * Creates rounds of a figure: the old values are around 100, the new ones around 100 × `factor`. `noise` is the
 * standard deviation of one value.
 */
function roundsOf({ count = 7, factor = 1, noise = 0, seed = 1 }): RoundValues[] {
  const random = createNormal(seed);
  const value = (middle: number) => middle * Math.exp(noise * random());
  return Array.from({ length: count }, () => ({ old: value(100), new: value(100 * factor), again: value(100) }));
}

/** Returns normally distributed values, by Lehmer's generator and the Box-Muller transform. */
function createNormal(seed: number): () => number {
  let state = seed * 7919;
  const uniform = () => {
    state = (state * 48_271) % 0x7f_ff_ff_ff;
    return state / 0x7f_ff_ff_ff;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

const series = 100;

/** Counts the outcomes of many series of rounds. */
function outcomesOf(options: Parameters<typeof roundsOf>[0]): Record<string, number> {
  const outcomes: Record<string, number> = {};
  for (let seed = 1; seed <= series; seed += 1) {
    const { outcome } = judge(roundsOf({ ...options, seed }), 'higher');
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  return outcomes;
}

test('equal commits show no difference, with little or much noise', () => {
  assert.equal(judge(roundsOf({}), 'higher').outcome, 'no difference');
  for (const noise of [0.03, 0.3]) {
    const { 'no difference': none = 0 } = outcomesOf({ noise });
    assert.ok(none >= 99, `${none} of ${series} under ${noise}`);
  }
});

test('seven rounds detect 10 % under 3 % noise in most runs, and never report it as faster', () => {
  const { slower = 0, 'no difference': none = 0 } = outcomesOf({ factor: 0.9, noise: 0.03 });
  assert.ok(slower >= 80, `${slower} of ${series}`);
  assert.equal(slower + none, series);
});

test('a commit that is 10 % slower is not reported under 30 % noise', () => {
  const { slower = 0 } = outcomesOf({ factor: 0.9, noise: 0.3 });
  assert.ok(slower <= 2, `${slower} of ${series}`);
});

test('more rounds detect differences that fewer rounds miss', () => {
  const [few, many] = [7, 14].map((count) => outcomesOf({ factor: 0.9, noise: 0.05, count })['slower'] ?? 0);
  assert.ok(few! < 80 && many! > 95, `${few} and ${many} of ${series}`);
});

/** Counts the series that end as slower, if a figure in doubt gets more rounds. */
function slowerOf({ factor = 1, noise = 0 }): number {
  return Array.from({ length: 300 }, (_, seed) => {
    const rounds = roundsOf({ count: fewestRounds * looks, factor, noise, seed: seed + 1 });
    let verdict = judge(rounds.slice(0, fewestRounds), 'higher');
    for (let look = 2; look <= looks && isInDoubt(verdict); look += 1)
      verdict = judge(rounds.slice(0, look * fewestRounds), 'higher');
    return verdict.outcome === 'slower';
  }).filter(Boolean).length;
}

test('more rounds in doubt detect what seven rounds miss, and raise few false alarms', () => {
  for (const [factor, noise, least] of [
    [0.9, 0.03, 297],
    [1 / 1.15, 0.1, 270],
  ] as const) {
    const slower = slowerOf({ factor, noise });
    assert.ok(slower >= least, `${slower} of 300 under ${noise}`);
  }
  for (const noise of [0.03, 0.1, 0.3]) {
    const slower = slowerOf({ noise });
    assert.ok(slower <= 1, `${slower} of 300 under ${noise}`);
  }
});

test('only a figure that looks worse is in doubt', () => {
  const verdicts = [0.8, 1, 1.25].map((factor) => judge(roundsOf({ factor, noise: 0.2, seed: 4 }), 'higher'));
  assert.deepEqual(verdicts.map(isInDoubt), [true, false, false], JSON.stringify(verdicts));
  assert.equal(isInDoubt(judge(roundsOf({ factor: 0.5 }), 'higher')), false, 'slower is certain');
  assert.equal(isInDoubt(judge(roundsOf({ factor: 0.5, count: 3 }), 'higher')), false, 'rounds were chosen too few');
});

test('too few rounds are reported, however large the difference is', () => {
  const rounds = roundsOf({ count: fewestRounds, factor: 0.5, noise: 0.01 });
  assert.equal(judge(rounds, 'higher').outcome, 'slower');
  assert.equal(judge(rounds.slice(1), 'higher').outcome, 'too few rounds');
  assert.equal(judge([], 'higher').outcome, 'no ratio');
});

test('a ratio is below 1 where the new commit is worse, whether high or low values are better', () => {
  const rounds = roundsOf({ factor: 1.25 });
  assert.deepEqual([judge(rounds, 'higher').outcome, judge(rounds, 'lower').outcome], ['faster', 'slower']);
  assert.equal(judge(rounds, 'higher').ratio.toFixed(3), '1.250');
  assert.equal(judge(rounds, 'lower').ratio.toFixed(3), '0.800');
});

test('the interval around the ratio narrows with more rounds', () => {
  const [few = 0, many = 0] = [7, 40].map((count) => {
    const { interval, ratio } = judge(roundsOf({ count, noise: 0.05 }), 'higher');
    assert.ok(interval[0] < ratio && ratio < interval[1]);
    return interval[1] - interval[0];
  });
  assert.ok(many < few);
});

test('a significant difference below 5 % counts as no difference', () => {
  assert.equal(judge(roundsOf({ factor: 0.96 }), 'higher').outcome, 'no difference');
  assert.equal(judge(roundsOf({ factor: 0.94 }), 'higher').outcome, 'slower');
});

test('a difference that the old commit shows to itself counts as no difference', () => {
  const values = { old: 100, new: 79, again: 80 };
  const { outcome, noise } = judge(
    Array.from({ length: 9 }, () => values),
    'higher',
  );
  assert.equal(noise.toFixed(3), '0.800');
  assert.equal(outcome, 'no difference');
});

test('one bad round of the new commit does not make it slower', () => {
  const rounds = roundsOf({ noise: 0.02 });
  rounds[3] = { ...rounds[3]!, new: 20 };
  assert.equal(judge(rounds, 'higher').outcome, 'no difference');
});

test('values that are not positive have no ratio', () => {
  const rounds = roundsOf({});
  for (const value of [0, -1, Number.NaN])
    assert.equal(judge([...rounds, { old: 100, new: value, again: 100 }], 'lower').outcome, 'no ratio');
});
