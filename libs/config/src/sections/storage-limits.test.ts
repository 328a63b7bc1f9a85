import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, problemsOf } from '../testing.ts';

test('a store has no limit until one is given, and then makes room at 95 percent of it, down to 85', () => {
  assert.equal(load('version: 0.1').storageLimits, undefined);
  const { storageLimits } = load('storage: { maxbytes: 1000MB }');
  assert.deepEqual(storageLimits, { maxBytes: 1e9, highBytes: 950_000_000, lowBytes: 850_000_000 });
});

test('the watermarks and the limit can be given by the environment too', () => {
  const env = {
    REGISTRY_STORAGE_MAXBYTES: '2GiB',
    REGISTRY_STORAGE_WATERMARKS_HIGH: '90',
    REGISTRY_STORAGE_WATERMARKS_LOW: '50',
  };
  const { storageLimits } = load('', { env });
  assert.deepEqual(storageLimits, { maxBytes: 2 ** 31, highBytes: Math.floor(2 ** 31 * 0.9), lowBytes: 2 ** 30 });
});

test('watermarks that are the wrong way round, and a limit of nothing, are told', () => {
  const problems = problemsOf('storage: { maxbytes: 0, watermarks: { high: 80, low: 80 } }');
  assert.deepEqual(
    problems.map(({ path }) => path),
    ['storage.watermarks.low', 'storage.maxbytes'],
  );
  assert.match(problems[0]!.message, /less than storage.watermarks.high, which is 80/);
  assert.match(problems[1]!.message, /more than 0/);
});
