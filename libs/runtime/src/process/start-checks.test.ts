import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startPeriodicCheck } from './start-checks.ts';
import { until } from '../testing/until.ts';

/** A check that fails as often as `failing` says, one call after another, and then passes or hangs. */
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

test('failures short of the threshold are forgiven', async (t) => {
  const script = scripted(['ok', 'fail', 'fail', 'ok', 'fail', 'fail']);
  const periodic = startPeriodicCheck({ check: script.check, intervalMs: 1, threshold: 3 });
  t.after(() => periodic.close());
  await until(() => script.runs() === 7);
  await periodic.check();
  script.release();
});

test('at the threshold it is unhealthy, with the last failure', async (t) => {
  const script = scripted(['ok', 'fail', 'fail', 'fail']);
  const periodic = startPeriodicCheck({ check: script.check, intervalMs: 1, threshold: 3 });
  t.after(() => periodic.close());
  await periodic.check();
  await until(() => script.runs() === 5);
  await assert.rejects(periodic.check(), /failure 4/);
  script.release();
});

test('before the first success one failure will do', async (t) => {
  const script = scripted(['fail', 'fail', 'ok']);
  const periodic = startPeriodicCheck({ check: script.check, intervalMs: 1000, threshold: 3 });
  t.after(() => periodic.close());
  await assert.rejects(periodic.check(), /failure 1/);
  await until(() => script.runs() === 2);
  await assert.rejects(periodic.check(), /failure 2/);
  await until(() => script.runs() === 3);
  await periodic.check();
  script.release();
});

test('one success heals', async (t) => {
  const script = scripted(['fail', 'fail', 'ok']);
  const periodic = startPeriodicCheck({ check: script.check, intervalMs: 1, threshold: 2 });
  t.after(() => periodic.close());
  await until(() => script.runs() === 4);
  await periodic.check();
  script.release();
});

test('a check that hangs has failed', async (t) => {
  const script = scripted(['hang']);
  const periodic = startPeriodicCheck({ check: script.check, intervalMs: 1, threshold: 1, limitMs: 10 });
  t.after(() => periodic.close());
  await until(() => script.runs() >= 2);
  await assert.rejects(periodic.check(), /no answer within 10 ms/);
  script.release();
});

test('after close nothing is checked any more', async () => {
  const script = scripted(['ok']);
  const periodic = startPeriodicCheck({ check: script.check, intervalMs: 1, threshold: 1 });
  await until(() => script.runs() === 2);
  periodic.close();
  script.release();
  await new Promise((resolve) => {
    setTimeout(resolve, 20);
  });
  assert.equal(script.runs(), 2);
});
