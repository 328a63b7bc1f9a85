import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContenderKind, Site } from '../contenders/contender.ts';
import type { Run, Workload } from '../workloads/workload.ts';
import { judgeWorkloads, needsMoreRounds } from './judge-workloads.ts';
import { measureTurns } from './measure-turns.ts';
import { verdictLines, verdictTables } from './verdict-tables.ts';

type Value = (side: string, round: number) => number;

/** Creates workloads on one Cistern and another cache. `log` lists each start, turn and end. */
function stage(values: Readonly<Record<string, Value>>) {
  const log: string[] = [];
  const kinds = ['cistern', 'nginx'].map((name): ContenderKind => ({
    name,
    title: `The ${name}`,
    async start({ checkout }) {
      log.push(`+${checkout}`);
      return { url: '', pids: [], close: async () => void log.push(`-${checkout}`) };
    },
  }));
  const workloads = Object.entries(values).map(([name, value]): Workload => ({
    name,
    title: `The ${name}`,
    headline: 'requests/s',
    mode: 'quick',
    contenders: kinds,
    mostRounds: 1,
    async run({ contender, site: { checkout = '' }, round, isWarm }: Run) {
      assert.equal(isWarm, false);
      await contender();
      log.push(`${name} ${checkout}`);
      return [{ name: 'requests/s', value: value(checkout, round), better: 'higher' }];
    },
  }));
  const [old, own, again] = ['old', 'new', 'again'].map((checkout) => ({ checkout }) as Site);
  const sites = { old: old!, new: own!, again: again! };
  const run = (rounds: number) =>
    measureTurns(workloads, {
      sites,
      rounds,
      looks: 3,
      needsMoreRounds,
      seconds: 1,
      isFull: false,
      print: () => {},
    });
  return { log, run };
}

test('each round starts new processes of Cistern only, and its workloads share them in turn', async () => {
  const { log, run } = stage({ load: () => 1, blob: () => 1 });
  await run(0);
  assert.equal(
    log.join(', '),
    '+old, load old, +new, load new, +again, load again, blob old, blob new, blob again, -old, -new, -again',
  );
});

test('each side has each position in a round equally often', async () => {
  const { log, run } = stage({ load: () => 1 });
  await run(5);
  const turns = log.filter((line) => line.startsWith('load')).map((line) => line.slice(5));
  for (const side of ['old', 'new', 'again']) {
    const places = turns.flatMap((turn, position) => (turn === side ? [position % 3] : []));
    assert.deepEqual(
      places.toSorted((one, other) => one - other),
      [0, 0, 1, 1, 2, 2],
      side,
    );
  }
});

test('a slower side appears in the table and in the line, and the first round does not count', async () => {
  const { run } = stage({
    load: (side, round) => (round === 0 ? 1 : side === 'new' ? 80 : 100) + (round % 3),
    blob: (_side, round) => 10 + round,
  });
  const verdicts = judgeWorkloads(await run(7));
  assert.deepEqual(
    verdicts.map(({ outcome }) => outcome),
    ['slower', 'no difference'],
  );
  assert.equal(verdictLines(verdicts), 'load, cistern: slower (requests/s 0.80×)\nblob, cistern: no difference\n');
  assert.match(
    verdictTables(verdicts),
    /^\| The load: The cistern, 7 rounds \| old \| new \|.*\n.*\n\| requests\/s \| 101 \| 81 \| 0\.80× \(0\.80 to 0\.80\) \| 1\.00× \| slower \|\n/,
  );
});

test('a workload that looks slower without a proof gets more rounds, until it has one or the third time', async () => {
  const { run } = stage({
    load: (side, round) => (side === 'new' && round !== 2 ? 80 : 100),
    noisy: (side, round) => (side !== 'new' ? 100 : round % 7 === 0 ? 40 : 105),
    blob: () => 1,
  });
  const compared = await run(7);
  assert.deepEqual(
    compared.map(({ rounds }) => rounds.length),
    [14, 21, 7],
  );
  assert.deepEqual(
    judgeWorkloads(compared).map(({ outcome }) => outcome),
    ['slower', 'no difference', 'no difference'],
  );
  assert.match(verdictTables(judgeWorkloads(compared)), /The load: The cistern, 14 rounds \|/);
});

test('a side with wrong responses is named and gets no verdict, and the other workloads continue', async () => {
  const { log, run } = stage({
    load(side, round) {
      if (side === 'old' && round === 2) throw new Error('sent wrong bytes');
      return 1;
    },
    blob: () => 1,
  });
  const compared = await run(7);
  assert.deepEqual(
    compared.map(({ failure, rounds }) => [failure, rounds.length]),
    [
      ['load, cistern, old: sent wrong bytes', 0],
      [undefined, 7],
    ],
  );
  assert.deepEqual(
    judgeWorkloads(compared).map(({ compared: { workload } }) => workload.name),
    ['blob'],
  );
  assert.equal(log.filter((line) => line.startsWith('+')).length, log.filter((line) => line.startsWith('-')).length);
});

test('a figure that a contender does not have has no ratio, and the others decide', () => {
  const turn = [
    { name: 'requests/s', value: 100, better: 'higher' },
    { name: 'KB allocated/request', value: Number.NaN, better: 'lower' },
  ] as const;
  const [workload, kind] = [{ name: 'load', title: 'The load' } as Workload, { title: 'Cistern' } as ContenderKind];
  const rounds = Array.from({ length: 7 }, () => ({ old: turn, new: turn, again: turn }));
  const verdicts = judgeWorkloads([{ workload, kind, rounds }]);
  assert.equal(verdicts[0]?.outcome, 'no difference');
  assert.match(verdictTables(verdicts), /\| KB allocated\/request \| – \| – \| – \| – \| no ratio \|/);
});
