import assert from 'node:assert/strict';
import { describeBlobStore } from '../conformance.ts';
import { createMemoryContents, createMemoryStore } from './create-memory-store.ts';

describeBlobStore('memory', async () => {
  const contents = createMemoryContents();
  return {
    store: createMemoryStore({ contents }),
    reopen: async () => createMemoryStore({ contents }),
    truncate: async (digest, size) => {
      const blob = contents.blobs.get(digest);
      assert.ok(blob);
      contents.blobs.set(digest, { ...blob, bytes: blob.bytes.subarray(0, size) });
    },
    fail: async () => {
      contents.failing = true;
    },
  };
});
