import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createMemoryStore } from '@cistern/blob-store/memory';
import { CacheError } from '@cistern/errors';
import { openLogInOutage } from '@cistern/telemetry/testing/open-log-in-outage';
import { openRobotTokens } from './robot-tokens.ts';
import { watchRobotTokens } from './watch-robots.ts';

async function openStage(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const clock = { nowMs: 1e12 };
  const memory = createMemoryStore();
  const state = { isUnavailable: false, reads: 0 };
  const store = {
    ...memory,
    listObjects: (prefix: string) => {
      state.reads += 1;
      if (state.isUnavailable) throw new CacheError('store-unavailable', 'Down.');
      return memory.listObjects(prefix);
    },
  };
  const tokens = openRobotTokens(memory);
  const { log, messages } = openLogInOutage('store-unavailable');
  const watched = await watchRobotTokens({ store, log, now: () => clock.nowMs });
  t.after(() => watched.close());
  /** Advances time, and lets timers run. */
  const pass = async (ms: number) => {
    clock.nowMs += ms;
    t.mock.timers.tick(ms);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { clock, state, tokens, watched, pass, messages };
}

test('a new token is found immediately, and a revoked one is not found after some seconds', async (t) => {
  const { tokens, watched, pass, state } = await openStage(t);
  await pass(2000);
  const { record } = await tokens.create({ name: 'ci', createdAtMs: 1 });
  assert.deepEqual(await watched.find(record.id), record);
  await tokens.revoke('ci');
  await pass(5000);
  await pass(0);
  assert.equal(await watched.find(record.id), undefined);
  const { reads } = state;
  const finding = Promise.all(Array.from({ length: 50 }, async (_, at) => watched.find(`0000${at}`)));
  await pass(1000);
  await finding;
  assert.equal(state.reads, reads + 1, 'unknown ids do not cause repeated reads');
});

test('known tokens stay valid for minutes without the store, and then none is', async (t) => {
  const { tokens, watched, pass, state, messages } = await openStage(t);
  await pass(2000);
  const { record } = await tokens.create({ name: 'ci', createdAtMs: 1 });
  assert.ok(await watched.find(record.id));
  state.isUnavailable = true;
  await pass(4 * 60_000);
  assert.ok(await watched.find(record.id));
  await pass(70_000);
  await assert.rejects(watched.find(record.id), { kind: 'store-unavailable' });
  await assert.rejects(watched.find('0000'), { kind: 'store-unavailable' });
  assert.deepEqual(messages(), ['failed to read robot tokens, using cached ones'], 'one line, also during an outage');
  state.isUnavailable = false;
  await pass(5000);
  await pass(0);
  assert.ok(await watched.find(record.id));
});

test('names are unique, and tokens are revoked by name or id', async (t) => {
  const { tokens } = await openStage(t);
  const { record } = await tokens.create({ name: 'b', createdAtMs: 1, grants: ['docker.io/**'] });
  await tokens.create({ name: 'a', createdAtMs: 2 });
  await assert.rejects(tokens.create({ name: 'b', createdAtMs: 3 }), { kind: 'denied' });
  assert.deepEqual(
    (await tokens.list()).map(({ name }) => name),
    ['a', 'b'],
  );
  assert.equal(await tokens.revoke('c'), undefined);
  assert.deepEqual(await tokens.revoke(record.id), record);
  assert.equal((await tokens.revoke('a'))?.name, 'a');
  assert.deepEqual(await tokens.list(), []);
});
