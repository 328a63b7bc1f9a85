// real-time: tests on virtual time run in a process of their own
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const virtualTime = new URL('virtual-time.ts', import.meta.url).href;
const tests = fileURLToPath(new URL('fixtures/tests-that-fail.ts', import.meta.url));

test('tests on virtual time that fail or never end are reported as failed', () => {
  const env = { ...process.env };
  // Otherwise the tests would report to the runner of this test.
  delete env['NODE_TEST_CONTEXT'];
  const args = ['--import', virtualTime, '--test-reporter=tap', '--test-timeout=300000', tests];
  const { status, stdout } = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
  assert.equal(status, 1);
  const results = stdout.split('\n').filter((line) => /^(?:not )?ok /.test(line));
  assert.deepEqual(results, [
    'ok 1 - passes after four minutes',
    'not ok 2 - fails at once',
    'not ok 3 - fails after a minute',
    'not ok 4 - runs into its time limit',
    'not ok 5 - waits forever while a server and an interval are open',
  ]);
});
