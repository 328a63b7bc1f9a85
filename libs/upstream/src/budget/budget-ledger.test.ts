import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CacheError, isCacheError } from '@cistern/errors';
import { createLogger, createMetrics } from '@cistern/telemetry';
import type { BudgetCall, EndpointBudget, SharedValues } from './budget.ts';
import { createBudgetLedger } from './budget-ledger.ts';

const minute = 60_000;
const cold = { purpose: 'cold', kind: 'pull' } as const;
const revalidate = { purpose: 'revalidate', kind: 'pull' } as const;
const prewarm = { purpose: 'prewarm', kind: 'pull' } as const;
const look = { purpose: 'revalidate', kind: 'look' } as const;
const blob = { purpose: 'cold', kind: 'other' } as const;

function createShared(): SharedValues & { isUnavailable: boolean } {
  const values = new Map<string, string>();
  const shared = {
    isUnavailable: false,
    async get(name: string) {
      if (shared.isUnavailable) throw new Error('unavailable');
      return values.get(name);
    },
    async put(name: string, value: string) {
      if (shared.isUnavailable) throw new Error('unavailable');
      values.set(name, value);
    },
  };
  return shared;
}

/** Opens the ledgers of `count` processes that share their values. */
function open(count: number, reserve?: number) {
  const time = { nowMs: 1_000_000 };
  const values = createShared();
  const logLines: string[] = [];
  const log = createLogger({
    level: 'info',
    formatter: 'json',
    destination: { write: (line) => logLines.push(line) },
  });
  const metrics = createMetrics({ upstreams: ['docker.io'] });
  const budgets = Array.from({ length: count }, () =>
    createBudgetLedger({ values, metrics, log, clock: () => time.nowMs, random: () => 0.5 }).open({
      upstream: 'docker.io',
      endpoint: 'registry-1.docker.io',
      reserve,
    }),
  );
  const one = budgets[0] ?? assert.fail();
  return { one, budgets, time, values, metrics, logLines };
}

const withRemaining = (remaining: number, source = 'us') => ({ limit: 100, remaining, windowSeconds: 21_600, source });

async function refusal(budget: EndpointBudget, call: BudgetCall, ...names: string[]) {
  const error = await budget.admit(call, names.length === 0 ? ['a'] : names).then(
    () => assert.fail('the call was admitted'),
    (thrown: unknown) => thrown,
  );
  assert.ok(isCacheError(error, 'upstream-rate-limited'), String(error));
  return error as CacheError & { readonly detail: { readonly reason: string } };
}

test('an upstream that reports no limit admits every call', async () => {
  const { one } = open(1);
  for (let calls = 0; calls < 1000; calls += 1) assert.equal(await one.admit(revalidate, ['a', 'b']), 'a');
});

test('at the reserve a cached tag gets one trial pull, and HEADs and cold misses continue', async () => {
  const { one, time } = open(1);
  await one.report('a', withRemaining(21), time.nowMs);
  assert.equal(await one.admit(revalidate, ['a']), 'a');
  await one.report('a', withRemaining(20), time.nowMs);
  const { detail, retryAfterMs } = await refusal(one, revalidate);
  assert.equal(detail.reason, 'reserve');
  assert.equal(retryAfterMs, 30_000);
  assert.equal(await one.admit(cold, ['a']), 'a');
  assert.equal(await one.admit(look, ['a']), 'a');
  assert.equal((await refusal(one, prewarm)).detail.reason, 'reserve');
  time.nowMs += 30_000;
  assert.equal(await one.admit(revalidate, ['a']), 'a', 'one trial call is admitted');
  assert.equal((await refusal(one, revalidate)).detail.reason, 'reserve');
});

test('an exhausted budget refuses cold misses, admits blobs, and admits one trial call per interval', async () => {
  const { one, time } = open(1);
  await one.exhausted('a', withRemaining(0), { requestedAtMs: time.nowMs, retryAfterMs: undefined });
  for (const call of [cold, look, revalidate]) assert.equal((await refusal(one, call)).detail.reason, 'exhausted');
  assert.equal(await one.admit(blob, ['a']), 'a');
  time.nowMs += 30_000;
  assert.equal(await one.admit(cold, ['a']), 'a');
  await refusal(one, cold);
  await one.report('a', withRemaining(100), time.nowMs);
  assert.equal(await one.admit(revalidate, ['a']), 'a');
});

test('an exhausted account is not tried before its Retry-After', async () => {
  const { one, time } = open(1);
  await one.exhausted('a', withRemaining(0), { requestedAtMs: time.nowMs, retryAfterMs: 10 * minute });
  time.nowMs += 9 * minute;
  assert.equal((await refusal(one, cold)).retryAfterMs, minute);
  time.nowMs += minute;
  assert.equal(await one.admit(cold, ['a']), 'a');
});

test('the account with the most pulls left is used', async () => {
  const { one, time } = open(1);
  await one.report('a', withRemaining(30, 'a'), time.nowMs);
  assert.equal(await one.admit(cold, ['a', 'b']), 'b', 'the budget of b is unknown');
  await one.report('b', withRemaining(29, 'b'), time.nowMs);
  assert.equal(await one.admit(cold, ['a', 'b']), 'a');
  await one.exhausted('a', withRemaining(0, 'a'), { requestedAtMs: time.nowMs, retryAfterMs: undefined });
  assert.equal(await one.admit(cold, ['a', 'b']), 'b');
  assert.equal(await one.admit(revalidate, ['a', 'b']), 'b');
});

test('workers with the same budget share its reports', async () => {
  const { budgets, time } = open(3);
  const [one, two, elsewhere] = [budgets[0]!, budgets[1]!, budgets[2]!];
  await two.report('a', withRemaining(90), time.nowMs);
  await elsewhere.report('a', withRemaining(90, 'another address'), time.nowMs);
  time.nowMs += 1_000;
  await one.report('a', withRemaining(3), time.nowMs);
  time.nowMs += 1_000;
  assert.equal((await refusal(two, revalidate)).detail.reason, 'reserve');
  assert.equal(await elsewhere.admit(revalidate, ['a']), 'a');
});

test('each worker uses its own reports while the index is unavailable', async () => {
  const { one, time, values } = open(1);
  values.isUnavailable = true;
  await one.report('a', withRemaining(3), time.nowMs);
  await refusal(one, revalidate);
  await one.throttled({ requestedAtMs: time.nowMs, retryAfterMs: undefined });
  assert.equal((await refusal(one, blob)).detail.reason, 'paused');
});

test('a report expires at the end of its rate-limit period', async () => {
  const { one, time } = open(1);
  await one.report('a', withRemaining(1), time.nowMs);
  time.nowMs += 21_600_000;
  assert.equal(await one.admit(revalidate, ['a']), 'a');
});

test('a 429 without a rate limit pauses all workers, each for a slightly different time', async () => {
  const { budgets, time, metrics, logLines } = open(2);
  const [one, two] = [budgets[0]!, budgets[1]!];
  await one.throttled({ requestedAtMs: time.nowMs, retryAfterMs: 20_000 });
  await one.throttled({ requestedAtMs: time.nowMs, retryAfterMs: undefined });
  for (const call of [cold, revalidate, blob]) assert.equal((await refusal(two, call)).detail.reason, 'paused');
  assert.equal((await metrics.upstreamBudget.pauses.get()).values[0]?.value, 1);
  assert.equal(logLines.length, 1);
  time.nowMs += 20_000;
  await refusal(two, cold);
  time.nowMs += 20_000;
  assert.equal(await two.admit(cold, ['a']), 'a');
});

test('the metrics do not show a replaced budget', async () => {
  const metrics = createMetrics({ upstreams: ['docker.io'] });
  const log = createLogger({ level: 'error', formatter: 'json' });
  let isCurrent = true;
  const budget = createBudgetLedger({ metrics, log, clock: () => 1e6 }).open({
    upstream: 'docker.io',
    endpoint: 'registry-1.docker.io',
    reserve: undefined,
    isCurrent: () => isCurrent,
  });
  const shown = async () => (await metrics.upstreamBudget.remaining.get()).values.map(({ value }) => value);
  await budget.report('a', withRemaining(60), 1e6);
  assert.deepEqual(await shown(), [60]);
  isCurrent = false;
  await budget.report('a', withRemaining(50), 1e6);
  assert.deepEqual(await shown(), [60]);
});

test('metrics show the pulls left, and the log shows each change of level', async () => {
  const { one, time, metrics, logLines } = open(1, 40);
  for (const remaining of [60, 50, 40, 30, 0, 0, 100])
    await one.report('a', withRemaining(remaining), (time.nowMs += 1000));
  const labels = { upstream: 'docker.io', endpoint: 'registry-1.docker.io', credential: 'a' };
  const { limit, remaining, reserve, windowEnd } = metrics.upstreamBudget;
  for (const [gauge, value] of [
    [limit, 100],
    [remaining, 100],
    [reserve, 40],
    [windowEnd, time.nowMs / 1000 + 21_600],
  ] as const)
    assert.deepEqual((await gauge.get()).values, [{ labels, value }]);
  assert.deepEqual(
    logLines.map((line) => /budget low|exhausted|recovered/.exec(line)?.[0]),
    ['budget low', 'exhausted', 'recovered'],
  );
});
