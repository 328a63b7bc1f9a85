import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { CacheError } from '@cistern/errors';
import { openLogInOutage } from '@cistern/telemetry/testing/open-log-in-outage';
import { startLoop } from './start-loop.ts';
import { createTestIndex } from './testing/index.ts';

test('a failure that an outage hides is logged if it continues after the outage, and then once', async (t) => {
  const { log, outage, messages } = openLogInOutage('index-unavailable');
  const index = createTestIndex({ now: Date.now });
  const loop = startLoop(
    { index, log },
    {
      name: 'sweep',
      retryMs: 1000,
      step: () => Promise.reject(new CacheError('index-unavailable', 'The index is unavailable.')),
    },
  );
  t.after(() => loop.close());
  await delay(5000);
  assert.deepEqual(messages(), []);
  outage.recovered();
  await delay(5000);
  assert.deepEqual(messages(), ['sweep failed, will retry']);
});
