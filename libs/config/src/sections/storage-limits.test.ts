import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, problemsOf } from '../testing.ts';

const gibibyte = 2 ** 30;
const minFreeOf = (storage: string) => load(`storage: ${storage}`).storageLimits.minFree;
const defaultMinFree = { share: 0.1, maxBytes: 20 * gibibyte, shareOfLeft: 0.5 };

test('a store is limited only by its disk by default; a limit is enforced at 95 percent, down to 85', () => {
  const shares = { highShare: 0.95, lowShare: 0.85, minFree: defaultMinFree };
  assert.deepEqual(load('version: 0.1').storageLimits, { maxBytes: Infinity, ...shares });
  assert.deepEqual(load('storage: { maxbytes: 1000MB }').storageLimits, { maxBytes: 1e9, ...shares });
});

test('the environment can set watermarks and limits', () => {
  const env = {
    REGISTRY_STORAGE_MAXBYTES: '2GiB',
    REGISTRY_STORAGE_MINFREE: '5GiB',
    REGISTRY_STORAGE_WATERMARKS_HIGH: '90',
    REGISTRY_STORAGE_WATERMARKS_LOW: '50',
  };
  assert.deepEqual(load('', { env }).storageLimits, {
    maxBytes: 2 * gibibyte,
    highShare: 0.9,
    lowShare: 0.5,
    minFree: { share: 1, maxBytes: 5 * gibibyte, shareOfLeft: 1 },
  });
});

test('minfree is a size or a percentage, and needs a store with a file system', () => {
  assert.deepEqual(minFreeOf('{ minfree: 2.5% }'), { share: 0.025, maxBytes: Infinity, shareOfLeft: 1 });
  assert.deepEqual(minFreeOf('{ minfree: 0 }'), { share: 1, maxBytes: 0, shareOfLeft: 1 });
  assert.equal(minFreeOf('inmemory'), undefined);
  const { warnings } = load('storage: { inmemory: , minfree: 1GiB }');
  assert.deepEqual(
    warnings.map(({ path }) => path),
    ['storage.minfree'],
  );
  for (const wrong of ['100%', '-1%', 'much', '5 percent'])
    assert.deepEqual(
      problemsOf(`storage: { minfree: ${wrong} }`).map(({ path }) => path),
      ['storage.minfree'],
    );
});

test('reversed watermarks and a limit of zero are rejected', () => {
  const problems = problemsOf('storage: { maxbytes: 0, watermarks: { high: 80, low: 80 } }');
  assert.deepEqual(
    problems.map(({ path }) => path),
    ['storage.watermarks.low', 'storage.maxbytes'],
  );
  assert.match(problems[0]!.message, /less than storage.watermarks.high, which is 80/);
  assert.match(problems[1]!.message, /more than 0/);
});
