import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
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

test('failures without a reply between them are reported once, also minutes later', async () => {
  let failures = 0;
  const query = createBriefQuery({ commandTimeoutMs: 60_000, onFailure: () => (failures += 1) });
  const fail = () => query(async () => Promise.reject(new Error('READONLY')));
  for (let minute = 0; minute < 3; minute += 1) {
    await fail();
    await delay(61_000);
  }
  assert.equal(failures, 1);
  await query(async () => 7);
  await fail();
  assert.equal(failures, 2);
});
