import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { createTestIndex, repositoryOf } from '@cistern/index/testing';
import { digestOf } from '@cistern/oci';
import { createFollowFill } from './follow-fill.ts';

const source = repositoryOf('docker.io', 'library/nginx');
const digest = digestOf(Buffer.from('a'));
const unexpected = () => assert.fail('the queue must get no other call');

/** Enough time for a request to start to wait. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await setImmediate();
}

test('requests that wait for one fill add its job once, and the next request adds it again after they end', async (t) => {
  let added = 0;
  const queue = { add: async () => void (added += 1), run: unexpected };
  const follow = createFollowFill({
    index: createTestIndex({ now: () => 0 }),
    queue,
    now: () => 0,
    canRead: () => true,
  });
  for (const round of [1, 2, 3]) {
    const leaving = new AbortController();
    t.after(() => leaving.abort());
    const requests = [1, 2].map(() => follow({ digest, source, from: 0, signal: leaving.signal }));
    const ended = Promise.allSettled(requests);
    await settle();
    assert.equal(added, round);
    leaving.abort();
    await ended;
  }
});
