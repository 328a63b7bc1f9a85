import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { awakeMs } from './awake-ms.ts';

/** In turns, of which a standstill ends one. */
async function wait(): Promise<void> {
  for (let turn = 0; turn < 30; turn += 1) await delay(10);
}

test('time that this process waits is counted', async () => {
  assert.ok((await awakeMs(wait)) > 100);
});

async function standStill(): Promise<void> {
  for (const untilMs = performance.now() + 700; performance.now() < untilMs;);
}

test('time in which this process cannot run is not', async () => {
  assert.ok((await awakeMs(standStill)) <= 50);
});

test('what fails, fails', async () => {
  await assert.rejects(
    awakeMs(async () => {
      throw new Error('as scripted');
    }),
    /as scripted/,
  );
});
