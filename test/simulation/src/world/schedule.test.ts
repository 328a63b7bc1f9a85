// real-time: the world itself is tested, and each test advances its time itself
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { beforeEach, test } from 'node:test';
import { drive } from './drive.ts';
import { createOwner, currentOwner, runAs } from './owner.ts';
import { freezeProcess, killProcess, leftOf, wakeProcess } from './processes.ts';
import { cancel, keepAlive, plan, resetSchedule, schedule } from './schedule.ts';

const limits = { maxEvents: 1_000, maxMs: 60_000 };

beforeEach(() => resetSchedule(1));

async function hashOf(labels: readonly string[]): Promise<number> {
  resetSchedule(1);
  for (const label of labels) plan(1, () => {}, { label });
  await drive(() => false, limits);
  return schedule.hash;
}

test('events run in the order of their times, and events of one time in the order of planning', async () => {
  const ran: string[] = [];
  for (const [name, atMs] of [
    ['late', 20],
    ['first', 10],
    ['second', 10],
    ['now', 0],
  ] as const)
    plan(atMs, () => ran.push(`${name} ${schedule.nowMs}`));
  cancel(plan(5, () => ran.push('cancelled')));
  assert.equal(await drive(() => false, limits), 'idle');
  assert.deepEqual(ran, ['now 0', 'first 10', 'second 10', 'late 20']);
});

test('promises settle before the next event', async () => {
  const ran: string[] = [];
  plan(1, () => {
    void (async () => {
      for (let i = 0; i < 20; i += 1) await Promise.resolve();
      ran.push('settled');
    })();
  });
  plan(1, () => ran.push('next'));
  await drive(() => ran.length === 2, limits);
  assert.deepEqual(ran, ['settled', 'next']);
});

test('a run without an end is stopped at its limits', async () => {
  const again = () => void plan(1_000, again);
  again();
  assert.equal(await drive(() => false, limits), 'limit');
  assert.equal(schedule.nowMs, 60_000);
});

test('a frozen process runs no events, runs them once awake, and runs none after a kill', async () => {
  const owner = createOwner('node');
  const heard: string[] = [];
  runAs(owner, () => {
    plan(10, () => heard.push(`one of ${currentOwner()?.name} at ${schedule.nowMs}`));
    plan(20, () => heard.push(`two at ${schedule.nowMs}`));
    plan(90, () => heard.push('three'));
  });
  const cancelled = runAs(owner, () => plan(30, () => heard.push('cancelled')));
  plan(5, () => freezeProcess(owner));
  plan(40, () => cancel(cancelled));
  plan(50, () => wakeProcess(owner));
  plan(60, () => killProcess(owner));
  await drive(() => false, limits);
  assert.deepEqual(heard, ['one of node at 50', 'two at 50']);
});

test('an event runs as its owner with the async context of its planner', async () => {
  const [one, other] = [createOwner('one'), createOwner('other')];
  const request = new AsyncLocalStorage<string>();
  const seen: unknown[] = [];
  runAs(one, () =>
    request.run('a request', () =>
      plan(1, () => seen.push(currentOwner()?.name, request.getStore()), { owner: other }),
    ),
  );
  await drive(() => false, limits);
  assert.deepEqual(seen, ['other', 'a request']);
});

test('the planned events of a process are listed by name', () => {
  const owner = createOwner('node');
  runAs(owner, () => {
    plan(10, () => {}, { label: 'a timer' });
    plan(10, () => {}, { label: 'one that keeps nothing alive', keepsAlive: false });
    cancel(plan(10, () => {}, { label: 'a cancelled one' }));
  });
  assert.deepEqual(leftOf(owner), ['a timer (10 ms)']);
});

test('events, servers and sockets keep a process alive until they end', async () => {
  const close = keepAlive('server');
  plan(1, () => {});
  plan(1, () => {}, { keepsAlive: false });
  assert.equal(schedule.keptAlive, 2);
  await drive(() => false, limits);
  close();
  close();
  assert.equal(schedule.keptAlive, 0);
});

test('the same events have the same hash, and other events have another', async () => {
  assert.equal(await hashOf(['a', 'b']), await hashOf(['a', 'b']));
  assert.notEqual(await hashOf(['a', 'b']), await hashOf(['a', 'c']));
});
