import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answersWithin, createBriefQuery } from './answers-within.ts';

test('a reply or an error of Redis is returned unchanged', async () => {
  assert.equal(await answersWithin(10_000, Promise.resolve(7)), 7);
  await assert.rejects(answersWithin(10_000, Promise.reject(new Error('READONLY'))), /READONLY/);
});

test('a command without a reply fails after the timeout', async () => {
  await assert.rejects(answersWithin(5, new Promise(() => {})), /Command timed out/);
});

test('time during which the process was blocked does not count', async () => {
  const answer = new Promise((resolve) => {
    setTimeout(resolve, 700, 7);
  });
  const answered = answersWithin(500, answer);
  for (const untilMs = performance.now() + 600; performance.now() < untilMs;);
  assert.equal(await answered, 7);
});

const never = new Promise(() => {});

test('a query without a reply returns undefined after the timeout', async () => {
  const failures: unknown[] = [];
  const onFailure = (error: unknown) => void failures.push(error);
  const late = new Promise((resolve) => {
    setTimeout(resolve, 700, 7);
  });
  assert.equal(await createBriefQuery({ commandTimeoutMs: 60_000, onFailure })(() => late), 7);
  assert.deepEqual(failures, []);
  assert.equal(await createBriefQuery({ commandTimeoutMs: 5, onFailure })(() => never), undefined);
  assert.match(String(failures), /did not answer within redis\.commandtimeout/);
});

test('no query is sent for a while after a failure', async () => {
  const query = createBriefQuery({ commandTimeoutMs: 60_000, onFailure() {} });
  await query(async () => Promise.reject(new Error('READONLY')));
  let sent = 0;
  assert.equal(await query(async () => (sent += 1)), undefined);
  assert.equal(sent, 0);
});
