import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CacheError } from '@cistern/errors';
import { chunkBytes, createBufferPool } from './buffer-pool.ts';
import type { ByteSource } from './byte-source.ts';
import { createSharedReads } from './shared-reads.ts';

test('a reader that is halfway does not wait for a source with bytes that are lost', async () => {
  let given = false;
  const source: ByteSource = {
    size: 2 * chunkBytes,
    open: async () => ({
      async read(into) {
        if (given) throw new CacheError('index-unavailable', 'no answer');
        given = true;
        return into.length;
      },
      close: async () => {},
      verification: async () => 'lost',
    }),
  };
  const reads = createSharedReads({ pool: createBufferPool(64 * 1024 * 1024), onCastOut() {} });
  const reader = reads.attach('key', source, 0, source.size);
  assert.equal((await reader.next())?.length, chunkBytes);
  await assert.rejects(reader.next(), { kind: 'index-unavailable' });
  reader.close();
  assert.equal(reads.windows, 0);
});
