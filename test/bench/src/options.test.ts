import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fewestRounds } from './against/judge.ts';
import { parseOptions } from './options.ts';
import { chooseWorkloads, keepRunnable } from './workloads/choose-workloads.ts';
import { workloads } from './workloads/workloads.ts';

const namesFor = (only: string[], isFull: boolean) =>
  chooseWorkloads(workloads, { only, isFull }).map(({ name }) => name);

test('a full run has more rounds, and the number can be set', () => {
  assert.deepEqual([parseOptions([]).rounds, parseOptions(['--full']).rounds], [3, 5]);
  assert.equal(parseOptions(['--full', '--rounds', '2']).rounds, 2);
  assert.throws(() => parseOptions(['--rounds', 'many']), /whole number/);
});

test('a comparison has enough rounds for a verdict and is not recorded', () => {
  const { against, rounds } = parseOptions(['--against', 'main', '--full']);
  assert.deepEqual([against, rounds], ['main', fewestRounds]);
  assert.equal(parseOptions(['--against', 'main', '--rounds', '12']).rounds, 12);
  assert.throws(() => parseOptions(['--record', '--against', 'main']), /records no comparison/);
});

test('a run of some workloads can be recorded, and writing measures nothing', () => {
  const { only, isRecord } = parseOptions(['--record', '--only', 'a,b', '--only', 'c']);
  assert.deepEqual([only, isRecord], [['a', 'b', 'c'], true]);
  assert.deepEqual([parseOptions(['--write']).isWrite, parseOptions([]).isRecord], [true, false]);
  for (const other of ['--only=a', '--full', '--against=main', '--rounds=9'])
    assert.throws(() => parseOptions(['--write', other]), /measures nothing/);
});

test('a quick run skips slow workloads, unless they are named', () => {
  assert.equal(namesFor([], false).includes('cold-200'), false);
  assert.equal(namesFor([], true).length, workloads.length);
  assert.deepEqual(namesFor(['cold-200', 'start'], false), ['start', 'cold-200']);
  assert.deepEqual(namesFor(['striping'], false), ['striping-each', 'striping-sum', 'striping-three']);
  assert.throws(() => namesFor(['none'], false), /no workload "none"/);
});

test('a workload that this machine cannot run is skipped with the reason, and is an error if it is named', async () => {
  const [able, ...others] = workloads;
  const unable = { ...others[0]!, name: 'unable', check: () => Promise.reject(new Error('Run as root.')) };
  const printed: string[] = [];
  const keep = (only: string[]) => keepRunnable([able!, unable], { only }, (text) => void printed.push(text));
  assert.deepEqual(await keep([]), [able]);
  assert.deepEqual(printed, ['skipping a workload: unable cannot run here: Run as root.']);
  await assert.rejects(keep(['unable']), /^Error: unable cannot run here: Run as root\.$/);
});

test('no two workloads have the same name', () => {
  assert.equal(new Set(workloads.map(({ name }) => name)).size, workloads.length);
});
