// Checks that a full store is reported differently from a failing store.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryStore } from '@cistern/blob-store/memory';
import { CacheError } from '@cistern/errors';
import { createStoreHealth } from './create-store-health.ts';

const storageLimits = {
  maxBytes: Infinity,
  highShare: 0.95,
  lowShare: 0.85,
  minFree: { share: 0.1, maxBytes: Infinity, shareOfLeft: 0.5 },
};

function startHealth() {
  const seen: { freeBytes: number; failure?: string | undefined; full?: string | undefined } = { freeBytes: 500 };
  const store = {
    ...createMemoryStore(),
    space: async () => ({ freeBytes: seen.freeBytes, totalBytes: 1000 }),
    async check() {
      if (seen.failure !== undefined)
        throw new CacheError('store-unavailable', `It reports ${seen.failure}.`, { detail: { code: seen.failure } });
    },
  };
  const disk = {
    get full() {
      return seen.full;
    },
  };
  return { seen, ...createStoreHealth({ storageLimits }, store, disk) };
}

test('a store that cannot be written because it has no space is healthy, and is full until it can be written', async () => {
  const { seen, checkStore, findFullStore } = startHealth();
  assert.equal(await findFullStore(), undefined);
  for (const code of ['ENOSPC', 'EDQUOT', 'InsufficientStorage', 'QuotaExceeded', 'XMinioStorageFull']) {
    seen.failure = code;
    await checkStore();
    assert.match((await findFullStore()) ?? '', new RegExp(`^The store is full: It reports ${code}`));
  }
  seen.failure = undefined;
  await checkStore();
  assert.equal(await findFullStore(), undefined);
  seen.failure = 'EIO';
  await assert.rejects(checkStore(), /EIO/);
});

test('a store is full while fetches are rejected, and while the free space is reserved', async () => {
  const { seen, checkStore, findFullStore } = startHealth();
  seen.full = 'no space for a blob';
  assert.match((await findFullStore()) ?? '', /^The store is full: no space for a blob/);
  await checkStore();
  seen.full = undefined;
  seen.freeBytes = 9;
  assert.match((await findFullStore()) ?? '', /^The store is full: 9 of 1000 bytes/);
  seen.freeBytes = 10;
  assert.equal(await findFullStore(), undefined);
});
