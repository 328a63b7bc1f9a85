// real-time: the world itself is tested, and each test advances its time itself
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { promisify } from 'node:util';
import { drive } from './drive.ts';
import { resetSchedule, schedule } from './schedule.ts';
import { timeoutSignal, timerFunctions, timerPromises } from './timers.ts';

const { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate } = timerFunctions;
const run = (done = () => false) => drive(done, { maxEvents: 1_000, maxMs: 3_600_000 });

beforeEach(() => resetSchedule(1));

test('timers fire at their time with their arguments', async () => {
  const fired: unknown[] = [];
  setTimeout((...given) => fired.push(...given, schedule.nowMs), 100, 'a', 'b');
  clearTimeout(setTimeout(() => fired.push('cleared'), 50));
  await run();
  assert.deepEqual(fired, ['a', 'b', 100]);
});

test('an invalid delay means one millisecond, as in Node', async () => {
  const fired: number[] = [];
  for (const delayMs of [0, -5, Number.NaN, 2 ** 31, undefined]) setTimeout(() => fired.push(schedule.nowMs), delayMs);
  await run();
  assert.deepEqual(fired, [1, 1, 1, 1, 1]);
});

test('an interval repeats until it is cleared, even by its own callback', async () => {
  const fired: number[] = [];
  const timer = setInterval(() => {
    fired.push(schedule.nowMs);
    if (fired.length === 3) clearInterval(timer);
  }, 10);
  await run();
  assert.deepEqual(fired, [10, 20, 30]);
});

test('a refreshed timer starts again, even after it has fired', async () => {
  const fired: number[] = [];
  const timer = setTimeout(() => fired.push(schedule.nowMs), 100);
  setTimeout(() => timer.refresh(), 60);
  setTimeout(() => timer.refresh(), 500);
  await run();
  assert.deepEqual(fired, [160, 600]);
});

test('unrefed timers keep nothing alive', () => {
  const timer = setTimeout(() => {}, 100);
  assert.equal(schedule.keptAlive, 1);
  timer.unref();
  assert.deepEqual([schedule.keptAlive, timer.hasRef()], [0, false]);
  timer.ref();
  assert.equal(schedule.keptAlive, 1);
});

test('code that polls with setImmediate reaches due events', async () => {
  let isDone = false;
  setTimeout(() => (isDone = true), 2);
  const turn = () => void (isDone || setImmediate(turn));
  turn();
  assert.equal(await run(() => isDone), 'done');
});

test('promisified timers are those of node:timers/promises', async () => {
  const heard: unknown[] = [];
  void promisify(setTimeout)(30, 'value').then((value) => heard.push(value, schedule.nowMs));
  await run();
  assert.deepEqual(heard, ['value', 30]);
  assert.equal(promisify(setImmediate), timerPromises.setImmediate);
});

test('a wait ends at its time or with its signal', async () => {
  const heard: unknown[] = [];
  const leaving = new AbortController();
  void timerPromises.setTimeout(30, 'value').then((value) => heard.push(value, schedule.nowMs));
  void timerPromises
    .setTimeout(90, undefined, { signal: leaving.signal })
    .catch((error: Error) => heard.push(error.name, schedule.nowMs));
  void timerPromises
    .setTimeout(90, undefined, { signal: AbortSignal.abort() })
    .catch((error: Error) => heard.push(error.name));
  setTimeout(() => leaving.abort(), 50);
  await run();
  assert.deepEqual(heard, ['AbortError', 'value', 30, 'AbortError', 50]);
  assert.equal(schedule.keptAlive, 0);
});

test('a signal aborts after its time', async () => {
  const signal = timeoutSignal(70);
  assert.equal(schedule.keptAlive, 0);
  await run(() => signal.aborted);
  assert.equal(schedule.nowMs, 70);
  assert.equal((signal.reason as Error).name, 'TimeoutError');
});
