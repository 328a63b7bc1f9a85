import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, problemsOf } from '../testing.ts';

test('a store is scrubbed once a week unless scrubbing is disabled', () => {
  assert.deepEqual(load('').storageScrub, { bytesPerSecond: 10 * 2 ** 20, everyMs: 7 * 86_400_000 });
  assert.equal(load('storage: { scrub: { enabled: false } }').storageScrub, undefined);
  const env = { REGISTRY_STORAGE_SCRUB_BANDWIDTH: '1MB', REGISTRY_STORAGE_SCRUB_EVERY: '24h' };
  assert.deepEqual(load('', { env }).storageScrub, { bytesPerSecond: 1e6, everyMs: 86_400_000 });
});

test('a scrub that is too slow or too frequent is rejected', () => {
  const problems = problemsOf('storage: { scrub: { bandwidth: 1KiB, every: 1s } }');
  assert.deepEqual(
    problems.map(({ path }) => path),
    ['storage.scrub.bandwidth', 'storage.scrub.every'],
  );
});

test('names expire after thirty days unless another time is set', () => {
  assert.equal(load('').storageForgetAfterMs, 30 * 86_400_000);
  assert.equal(load('storage: { forgetafter: 12h }').storageForgetAfterMs, 43_200_000);
  assert.equal(load('', { env: { REGISTRY_STORAGE_FORGETAFTER: '90s' } }).storageForgetAfterMs, 90_000);
  assert.deepEqual(
    problemsOf('storage: { forgetafter: 10ms }').map(({ path }) => path),
    ['storage.forgetafter'],
  );
});
