import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answersWithin, createBriefQuery } from './answers-within.ts';

test('an answer, or its failure, is passed on', async () => {
  assert.equal(await answersWithin(10_000, Promise.resolve(7)), 7);
  await assert.rejects(answersWithin(10_000, Promise.reject(new Error('READONLY'))), /READONLY/);
});

test('no answer is an error after that time', async () => {
  await assert.rejects(answersWithin(5, new Promise(() => {})), /Command timed out/);
});

test('a process that stood still has not waited', async () => {
  const answer = new Promise((resolve) => {
    setTimeout(resolve, 700, 7);
  });
  const answered = answersWithin(500, answer);
  for (const untilMs = performance.now() + 600; performance.now() < untilMs;);
  assert.equal(await answered, 7);
});

const never = new Promise(() => {});

test('an answer is waited for as long as the timeout allows, and no answer is undefined', async () => {
  const failures: unknown[] = [];
  const onFailure = (error: unknown) => void failures.push(error);
  const late = new Promise((resolve) => {
    setTimeout(resolve, 700, 7);
  });
  assert.equal(await createBriefQuery({ commandTimeoutMs: 60_000, onFailure })(() => late), 7);
  assert.deepEqual(failures, []);
  assert.equal(await createBriefQuery({ commandTimeoutMs: 5, onFailure })(() => never), undefined);
  assert.match(String(failures), /Command timed out/);
});

test('after a failure nobody asks for a while', async () => {
  const ask = createBriefQuery({ commandTimeoutMs: 60_000, onFailure() {} });
  await ask(async () => Promise.reject(new Error('READONLY')));
  let asked = 0;
  assert.equal(await ask(async () => (asked += 1)), undefined);
  assert.equal(asked, 0);
});
