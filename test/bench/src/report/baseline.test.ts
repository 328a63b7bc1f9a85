import assert from 'node:assert/strict';
import { test } from 'node:test';
import { baselineOf, fallenBelow } from './baseline.ts';

const cpu = 'load / CPU µs/request / nginx';

test('a ratio may fall by its noise, and by no more', () => {
  const baseline = baselineOf([{ name: cpu, value: 2, spread: 0.5 }]);
  assert.deepEqual(baseline, { [cpu]: { ratio: 2, noise: 0.5 } });
  assert.deepEqual(fallenBelow(baseline, [{ name: cpu, value: 1.01, spread: 0 }]), []);
  assert.deepEqual(fallenBelow(baseline, [{ name: cpu, value: 0.99, spread: 0 }]), [
    `${cpu}: 0.990, was 2 (noise 0.50)`,
  ]);
  assert.deepEqual(fallenBelow(baseline, [{ name: cpu, value: 0.99, spread: 0.6 }]), [], 'this run was noisier');
});

const noiseOf = (spread: number) => baselineOf([{ name: cpu, value: 1, spread }])[cpu]?.noise;

test('noise has a floor and a ceiling, so that neither luck nor chaos decides', () => {
  assert.deepEqual([0, 0.4, 7, Number.NaN].map(noiseOf), [0.3, 0.4, 0.8, 0.8]);
});

test('requests a second are not held, and what is new is not held yet', () => {
  const ratios = [{ name: 'load / requests/s / nginx', value: 2, spread: 0 }];
  assert.deepEqual(baselineOf(ratios), {});
  assert.deepEqual(fallenBelow({}, [{ name: cpu, value: 0.1, spread: 0 }]), []);
});
