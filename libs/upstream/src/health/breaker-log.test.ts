import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '@cistern/runtime/testing';
import { startInterruptedRegistry } from '../testing/start-interrupted-registry.ts';

test('an upstream that stays unavailable is one line a minute, and one that answers pings is none', async (t) => {
  const { pull, state, setReachable, logLines } = await startInterruptedRegistry(t, undefined, {
    firstMs: 1000,
    longestMs: 10_000,
  });
  const linesOf = (msg: string) =>
    logLines.map((line) => JSON.parse(line) as Record<string, unknown>).filter((line) => line['msg'] === msg);
  setReachable(false);
  for (let failures = 0; failures < 5; failures += 1) await pull(`a/${failures}`);
  const [began] = linesOf('circuit breaker opened');
  assert.deepEqual(Object.keys(began?.['err'] as object), ['message', 'code']);
  for (let minute = 0; minute < 3; minute += 1) {
    await pull();
    await delay(60_000);
  }
  const lasting = linesOf('circuit breaker still open');
  const { seconds, skipped } = lasting.at(-1) ?? {};
  assert.deepEqual([lasting.length, seconds, skipped], [3, 180, 3]);
  setReachable(true);
  await until(async () => (await state()) === 1);
  await delay(90_000);
  assert.equal(linesOf('circuit breaker still open').length, 3);
  await pull();
  assert.equal(linesOf('circuit breaker closed').length, 1);
});
