import assert from 'node:assert/strict';
import test from 'node:test';
import { isCacheError } from '@cistern/errors';
import { describeCacheIndex } from '../conformance.ts';
import { createMemoryIndex } from './create-memory-index.ts';

describeCacheIndex('memory', async (t) => {
  let nowMs = 1_700_000_000_000;
  const faults = { failing: false };
  const index = createMemoryIndex({ now: () => nowMs, faults });
  t.after(async () => index.close());
  return {
    index,
    now: () => nowMs,
    advance: async (ms) => {
      nowMs += ms;
    },
    fail: async () => {
      faults.failing = true;
    },
  };
});

test('a closed memory index says index-unavailable', async () => {
  const index = createMemoryIndex({ now: Date.now });
  await index.close();
  await index.close();
  await assert.rejects(index.check(), (error) => isCacheError(error, 'index-unavailable'));
  await assert.rejects(index.blobs.totals(), (error) => isCacheError(error, 'index-unavailable'));
});
