// A worker is killed in the middle of a blob that is larger than its part of the spool. The next worker continues from
// the checkpoint, with the upload of the first worker.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { until } from '@cistern/single-node/until';
import { openClusterRig } from '../src/open-cluster-rig.ts';
import { openIndex } from '../src/open-index.ts';
import { assertAllRight } from '../src/assert-all-right.ts';
import { readCheckpoint } from '../src/read-checkpoint.ts';
import { oneConnection, startHalfway } from '../src/start-halfway.ts';

const mebibyte = 1024 * 1024;

const config = { upstreams: oneConnection, worker: { spool: { perfill: '48MiB' } } };
const rig = await openClusterRig({ after }, { cluster: { frontends: 2, workers: 2, config } });

test('the next worker fetches only the half that is not stored', async (t) => {
  const options = { seed: 1, size: 192 * mebibyte, clients: 4 };
  const { digest, plan, herd, filling, sentByUpstream } = await startHalfway(t, rig, options);
  const index = await openIndex(t, rig.cluster);
  await until(
    'half is hashed and stored',
    async () => (await readCheckpoint(index, digest)).storedBytes === options.size / 2,
  );
  const sentBefore = sentByUpstream();
  await filling.kill();
  const ends = await herd.ended();
  assertAllRight(ends, plan);
  // Readers behind the checkpoint get their bytes from the upstream. On a slow machine these are more.
  t.diagnostic(`the upstream sent ${sentBefore} times the blob before, and ${sentByUpstream()} times in total`);
  const gets = rig.upstream.requests({ digest, method: 'GET' });
  assert.equal(gets.filter(({ range }) => range === undefined).length, 1);
  assert.ok(gets.some(({ range }) => range?.startsWith(`bytes=${options.size / 2}-`)));
});
