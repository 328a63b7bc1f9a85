import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { openPoll } from './open-poll.ts';

function start(t: TestContext, check: () => Promise<void> = async () => {}) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const failures: [string, number][] = [];
  let looks = 0;
  const poll = openPoll({
    everyMs: 1000,
    async check() {
      looks += 1;
      await check();
    },
    onFailure: (error, times) => void failures.push([(error as Error).message, times]),
  });
  const pass = async (ms: number) => {
    t.mock.timers.tick(ms);
    await new Promise(setImmediate);
  };
  return { poll, failures, looks: () => looks, pass };
}

test('a poll runs after each interval, and not after it is closed', async (t) => {
  const { poll, looks, pass } = start(t);
  await pass(999);
  assert.equal(looks(), 0);
  for (const expected of [1, 2, 3]) {
    await pass(1000);
    assert.equal(looks(), expected);
  }
  await poll.close();
  await pass(5000);
  await poll.check();
  assert.equal(looks(), 3);
});

test('a requested check begins after the request, and callers meanwhile share it', async (t) => {
  const ended: (() => void)[] = [];
  const { poll, looks } = start(t, () => new Promise((resolve) => void ended.push(resolve)));
  const first = poll.check();
  const [second, third] = [poll.check(), poll.check()];
  assert.equal(looks(), 1);
  ended[0]?.();
  await first;
  await new Promise(setImmediate);
  assert.equal(looks(), 2);
  ended[1]?.();
  await Promise.all([second, third]);
  assert.equal(looks(), 2);
});

test('failures are counted by their message until a check succeeds', async (t) => {
  const outcomes = ['gone', 'gone', 'other', undefined, 'gone'];
  const { poll, failures } = start(t, async () => {
    const message = outcomes.shift();
    if (message !== undefined) throw new Error(message);
  });
  for (let left = outcomes.length; left > 0; left -= 1) await poll.check();
  assert.deepEqual(failures, [
    ['gone', 1],
    ['gone', 2],
    ['other', 1],
    ['gone', 1],
  ]);
});
