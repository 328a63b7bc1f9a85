import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContenderKind, Site } from './contenders/contender.ts';
import { openContenders } from './contenders/open-contenders.ts';
import { measure } from './measure.ts';
import type { Run, Workload } from './workloads/workload.ts';

const site = {} as Site;
const print = () => {};
const common = { site, seconds: 1, isFull: false, print };

function stage(names: readonly string[], run: (run: Run) => void = () => {}) {
  const log: string[] = [];
  const kinds = names.map((name): ContenderKind => ({
    name,
    title: name,
    async start() {
      log.push(`+${name}`);
      return { url: '', pids: [], close: async () => void log.push(`-${name}`) };
    },
  }));
  const workload: Workload = {
    name: 'load',
    title: 'A load',
    headline: 'count',
    mode: 'quick',
    contenders: kinds,
    async run(given: Run) {
      await given.contender();
      log.push(given.kind.name);
      run(given);
      return [{ name: 'count', value: given.round, better: 'higher' }];
    },
  };
  return { log, kinds, workload, contenders: openContenders(site, print) };
}

test('contenders take turns in alternating order', async () => {
  const { log, workload, contenders } = stage(['a', 'b']);
  await measure(workload, { ...common, contenders, rounds: 3 });
  assert.deepEqual(log, ['+a', 'a', '+b', 'b', 'b', 'a', 'a', 'b']);
});

test('a contender with one wrong response loses all its figures, and the others continue', async () => {
  const { kinds, workload, contenders } = stage(['a', 'b'], ({ kind, round }) => {
    if (kind.name === 'a' && round === 1) throw new Error('sent wrong bytes');
  });
  const { rounds, failures } = await measure(workload, { ...common, contenders, rounds: 3 });
  assert.deepEqual([...rounds.keys()], [kinds[1]]);
  assert.equal(rounds.get(kinds[1]!)?.length, 3);
  assert.deepEqual(failures, ['load, a: sent wrong bytes']);
});

test('a workload can have fewer rounds than the run', async () => {
  const { kinds, workload, contenders } = stage(['a']);
  const { rounds } = await measure({ ...workload, mostRounds: 2 }, { ...common, contenders, rounds: 5 });
  assert.equal(rounds.get(kinds[0]!)?.length, 2);
});

test('contenders end when no workload needs them any more', async () => {
  const { log, kinds, contenders } = stage(['a', 'b']);
  for (const kind of kinds) await contenders.get(kind);
  await contenders.keepOnly(kinds.slice(1));
  await contenders.get(kinds[1]!);
  await contenders.close();
  assert.deepEqual(log, ['+a', '+b', '-a', '-b']);
});
