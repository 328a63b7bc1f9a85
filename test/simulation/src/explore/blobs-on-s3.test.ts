// real-time: each run installs a world of its own
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { installWorld } from '../world/install.ts';

installWorld();
const { runWorld } = await import('./run-world.ts');
const { blobsOnS3 } = await import('./blob-scenario.ts');

const seeds = [1, 2, 3, 4, 5];

test('with S3, a seed decides all events, and no invariant breaks', async () => {
  const hashes = new Set<number>();
  let harmed = 0;
  for (const seed of seeds) {
    const first = await runWorld(blobsOnS3, seed, {
      onTrace: (_atMs, text) => (harmed += Number(text.startsWith('s3: '))),
    });
    const second = await runWorld(blobsOnS3, seed);
    assert.deepEqual(first.problems, []);
    assert.deepEqual([second.hash, second.events], [first.hash, first.events]);
    hashes.add(first.hash);
  }
  assert.equal(hashes.size, seeds.length);
  assert.ok(harmed > 0, 'the server was harmed in some of the runs');
});
