import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { bytesOf } from '@cistern/oci/testing';
import { fetchInto } from './fetch-into.ts';

const chunkBytes = 256 * 1024;
const chunks = 64;

test('no more is taken from upstream than the disk gets, but for a few chunks', async () => {
  const bytes = bytesOf(chunks * chunkBytes);
  const disk = Promise.withResolvers<void>();
  let taken = 0;
  async function* body() {
    for (; taken < chunks; taken += 1) yield Buffer.from(bytes.subarray(taken * chunkBytes, (taken + 1) * chunkBytes));
  }
  const written = Buffer.alloc(bytes.length);
  const copying = fetchInto({
    opened: { start: 0, totalSize: bytes.length, body: body(), close() {} },
    bodyEnd: bytes.length,
    stretch: { next: 0, endExclusive: bytes.length },
    take: (start, endExclusive) => [{ start, endExclusive }],
    async write(offset, parts) {
      await disk.promise;
      Buffer.concat(parts).copy(written, offset);
    },
  });
  for (let turn = 0; turn < 10 * chunks; turn += 1) await setImmediate();
  assert.ok(taken * chunkBytes <= 2 * 1024 * 1024, `${taken} chunks were taken while the disk took none`);
  disk.resolve();
  await copying;
  assert.ok(written.equals(bytes));
});
