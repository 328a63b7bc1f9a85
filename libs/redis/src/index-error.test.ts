import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openLogInOutage } from '@cistern/telemetry/testing/open-log-in-outage';
import { createThrottledWarning } from './index-error.ts';

test('a warning that an outage hides does not use up the one line of a minute', () => {
  const { log, outage, messages } = openLogInOutage('index-unavailable');
  const warn = createThrottledWarning(log, 'write failed');
  warn(new Error('Connection is closed.'));
  assert.deepEqual(messages(), []);
  outage.recovered();
  warn(new Error('NOPERM'));
  warn(new Error('NOPERM'));
  assert.deepEqual(messages(), ['write failed']);
});
