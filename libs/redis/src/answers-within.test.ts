import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answersWithin } from './answers-within.ts';

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
