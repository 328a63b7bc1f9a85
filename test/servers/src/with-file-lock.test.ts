import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { withFileLock } from './with-file-lock.ts';

test('only one holder runs at a time, and a failure releases the lock', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-test-'));
  const path = join(directory, 'lock');
  let running = 0;
  const runs = await Promise.allSettled(
    [1, 2, 3].map((number) =>
      withFileLock(path, async () => {
        running += 1;
        assert.equal(running, 1);
        // real-time: holds the lock for some turns of the event loop
        for (let count = 0; count < 20; count++) await turn();
        running -= 1;
        if (number === 2) throw new Error('failed inside');
        return number;
      }),
    ),
  );
  assert.deepEqual(
    runs.map((run) => (run.status === 'fulfilled' ? run.value : (run.reason as Error).message)),
    [1, 'failed inside', 3],
  );
  await rm(directory, { recursive: true });
});
