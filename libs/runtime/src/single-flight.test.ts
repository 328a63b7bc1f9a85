import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSingleFlight } from './single-flight.ts';

const fail = (): Promise<string> => Promise.reject(new Error('broken'));

test('a caller that aborts does not end the task for the others', async () => {
  const share = createSingleFlight<string>();
  const { promise, resolve } = Promise.withResolvers<string>();
  let starts = 0;
  const start = (): Promise<string> => {
    starts += 1;
    return promise;
  };
  const impatient = new AbortController();
  const first = share('key', impatient.signal, start);
  const second = share('key', new AbortController().signal, start);
  impatient.abort(new Error('gone'));
  await assert.rejects(first, /gone/);
  resolve('value');
  assert.equal(await second, 'value');
  assert.equal(starts, 1);
});

test('the last caller that aborts ends the task, and the next caller starts it again', async () => {
  const share = createSingleFlight<string>();
  const ended: unknown[] = [];
  const start = (signal: AbortSignal): Promise<string> =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        ended.push(signal.reason);
        reject(signal.reason as Error);
      });
    });
  const callers = [new AbortController(), new AbortController()];
  const results = callers.map(({ signal }) => share('key', signal, start));
  callers[0]?.abort(new Error('one'));
  assert.deepEqual(ended, []);
  const last = new Error('two');
  callers[1]?.abort(last);
  assert.deepEqual(ended, [last]);
  await Promise.allSettled(results);
  assert.equal(await share('key', new AbortController().signal, () => Promise.resolve('again')), 'again');
});

test('all callers get a failure, and it is not kept', async () => {
  const share = createSingleFlight<string>();
  const { signal } = new AbortController();
  const results = await Promise.allSettled([share('key', signal, fail), share('key', signal, fail)]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  assert.equal(await share('key', signal, () => Promise.resolve('fixed')), 'fixed');
});
