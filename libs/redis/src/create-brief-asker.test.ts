import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBriefAsker } from './create-brief-asker.ts';

const never = new Promise(() => {});

test('an answer is waited for as long as the timeout allows, and no answer is undefined', async () => {
  const failures: unknown[] = [];
  const onFailure = (error: unknown) => void failures.push(error);
  const late = new Promise((resolve) => {
    setTimeout(resolve, 700, 7);
  });
  assert.equal(await createBriefAsker({ commandTimeoutMs: 60_000, onFailure })(() => late), 7);
  assert.deepEqual(failures, []);
  assert.equal(await createBriefAsker({ commandTimeoutMs: 5, onFailure })(() => never), undefined);
  assert.match(String(failures), /Command timed out/);
});

test('after a failure nobody asks for a while', async () => {
  const ask = createBriefAsker({ commandTimeoutMs: 60_000, onFailure() {} });
  await ask(async () => Promise.reject(new Error('READONLY')));
  let asked = 0;
  assert.equal(await ask(async () => (asked += 1)), undefined);
  assert.equal(asked, 0);
});
