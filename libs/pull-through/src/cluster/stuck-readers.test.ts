// A client that reads nothing blocks only the stream between its own frontend and the fill.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BlobStore } from '@cistern/blob-store';
import { CacheError } from '@cistern/errors';
import { bytesOf, collect } from '@cistern/oci/testing';
import { until } from '@cistern/runtime/testing';
import { library } from '../testing/start-halfway.ts';
import { startTestCluster } from '../testing/start-test-cluster.ts';

const mebibyte = 1024 * 1024;
const bytes = bytesOf(64 * mebibyte);

const refuse = async (): Promise<never> => {
  throw new CacheError('store-unavailable', 'The store accepts no writes.');
};

for (const isTaken of [true, false])
  test(`other clients get a whole blob larger than its part of the spool, which the store ${isTaken ? 'stores' : 'rejects'}`, async (t) => {
    const wrapStore = (inner: BlobStore): BlobStore => (isTaken ? inner : { ...inner, beginUpload: refuse });
    const room = { perFillBytes: 4 * mebibyte, spoolBytes: () => 8 * mebibyte };
    const { hub, frontends, workers, stored } = await startTestCluster(t, { workers: 1, wrapStore, ...room });
    const digest = hub.addBlob(library.repository, bytes);
    const read = async (frontend: number) => {
      const blob = await frontends[frontend]!.cache.openBlob({ ...library, digest, intent: 'whole' });
      return blob.read();
    };
    const stuck = await read(0);
    await stuck.next();
    const startedAtMs = performance.now();
    assert.ok((await read(1).then(collect)).equals(bytes));
    // If the store accepts no writes, the fill gives up the store after ten seconds.
    const tookMs = performance.now() - startedAtMs;
    assert.ok(tookMs <= 15_000, `it took ${tookMs} ms`);
    if (isTaken) await until(() => stored.blobs.has(digest));
    stuck.close();
    await until(() => workers.every(({ fills, spools }) => fills.size === 0 && spools.usedBytes === 0));
  });
