// real-time: a child process is killed at some moment of its work
// Kills a process while it commits blobs. Checks that each blob is whole or absent. The effect of a power cut depends on
// fsync, and is not tested.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { digestOf } from '@cistern/oci';
import { collect, readWhole } from '../conformance/sample-blob.ts';
import { openTemporaryStore } from './fixtures/open-temporary-store.ts';

const rounds = 5;

const script = fileURLToPath(import.meta.resolve('./fixtures/commit-until-killed.ts'));

test('after a kill at any moment every visible blob and object is whole', async (t) => {
  const { root, store } = await openTemporaryStore(t);
  for (let round = 0; round < rounds; round += 1) {
    const child = spawn(process.execPath, [script, root], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    await Promise.race([once(child.stdout, 'data'), exited]);
    await delay(10 + Math.random() * 60);
    assert.equal(child.kill('SIGKILL'), true, 'the process ended early');
    await exited;
  }

  const blobs = await collect(store.list());
  assert.ok(blobs.length >= rounds, `only ${blobs.length} blobs were committed`);
  for (const { digest, size } of blobs) {
    const bytes = await readWhole(store, digest);
    assert.equal(bytes.length, size);
    assert.equal(digestOf(bytes), digest);
  }
  const keys = await collect(store.listObjects('cistern/'));
  assert.equal(keys.length, 3);
  for (const key of keys) {
    const { digest } = JSON.parse(Buffer.from((await store.readObject(key)) ?? []).toString());
    assert.ok(await store.stat(digest), 'the blob was written before its object, so it must exist');
  }
});
