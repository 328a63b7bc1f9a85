import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openStoreCheck } from './open-store-check.ts';
import { until } from '../testing/until.ts';

/** Creates a check with scripted outcomes, one per call. After the last one it hangs. */
function scripted(outcomes: readonly ('ok' | 'fail' | 'hang')[]) {
  let runs = 0;
  const released = Promise.withResolvers<undefined>();
  return {
    runs: () => runs,
    release: () => released.resolve(undefined),
    async check() {
      runs += 1;
      const outcome = outcomes[runs - 1];
      if (outcome === 'fail') throw new Error(`failure ${runs}`);
      if (outcome === 'hang' || outcome === undefined) await released.promise;
    },
  };
}

test('failures below the threshold are ignored', async (t) => {
  const script = scripted(['ok', 'fail', 'fail', 'ok', 'fail', 'fail']);
  const periodic = openStoreCheck({ check: script.check, intervalMs: 1, threshold: 3 });
  t.after(() => periodic.close());
  await until(() => script.runs() === 7);
  assert.partialDeepStrictEqual(await periodic.failure(), { isUnready: false });
  script.release();
});

test('the check is unhealthy at the threshold, with the last failure', async (t) => {
  const script = scripted(['ok', 'fail', 'fail', 'fail']);
  const periodic = openStoreCheck({ check: script.check, intervalMs: 1, threshold: 3 });
  t.after(() => periodic.close());
  assert.equal(await periodic.failure(), undefined);
  await until(() => script.runs() === 5);
  assert.deepEqual(await periodic.failure(), { error: new Error('failure 4'), isUnready: true });
  script.release();
});

test('one failure before the first success makes the check unhealthy', async (t) => {
  const script = scripted(['fail', 'fail', 'ok']);
  const periodic = openStoreCheck({ check: script.check, intervalMs: 1000, threshold: 3 });
  t.after(() => periodic.close());
  assert.deepEqual(await periodic.failure(), { error: new Error('failure 1'), isUnready: true });
  await until(() => script.runs() === 2);
  assert.deepEqual(await periodic.failure(), { error: new Error('failure 2'), isUnready: true });
  await until(() => script.runs() === 3);
  assert.equal(await periodic.failure(), undefined);
  script.release();
});

test('one success makes the check healthy', async (t) => {
  const script = scripted(['fail', 'fail', 'ok']);
  const periodic = openStoreCheck({ check: script.check, intervalMs: 1, threshold: 2 });
  t.after(() => periodic.close());
  await until(() => script.runs() === 4);
  assert.equal(await periodic.failure(), undefined);
  assert.equal(periodic.slowMs(), undefined);
  script.release();
});

test('a store is slow if two checks in a row are slow', async (t) => {
  const durationsMs = [0, 2_100, 0, 2_400, 2_100, 0];
  let runs = 0;
  const check = async () => {
    const ms = durationsMs[runs] ?? 0;
    runs += 1;
    await new Promise((resolve) => {
      setTimeout(resolve, ms);
    });
  };
  const periodic = openStoreCheck({ check, intervalMs: 1_000, threshold: 3 });
  t.after(() => periodic.close());
  await until(() => runs === 3);
  assert.equal(periodic.slowMs(), undefined);
  await until(() => periodic.slowMs() !== undefined);
  assert.deepEqual([runs, Math.floor(periodic.slowMs()! / 100)], [5, 21]);
  await until(() => periodic.slowMs() === undefined);
  assert.equal(runs, 6);
});

test('a check that hangs fails', async (t) => {
  const script = scripted(['hang']);
  const periodic = openStoreCheck({ check: script.check, intervalMs: 1, threshold: 1, limitMs: 10 });
  t.after(() => periodic.close());
  await until(() => script.runs() >= 2);
  assert.match(String((await periodic.failure())?.error), /no response within 10 ms/);
  script.release();
});

test('no check runs after close', async () => {
  const script = scripted(['ok']);
  const periodic = openStoreCheck({ check: script.check, intervalMs: 1, threshold: 1 });
  await until(() => script.runs() === 2);
  void periodic.close();
  script.release();
  await new Promise((resolve) => {
    setTimeout(resolve, 20);
  });
  assert.equal(script.runs(), 2);
});
