import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '@cistern/oci';
import { bytesOf } from '@cistern/oci/testing';
import { createIntervals } from './spool.ts';
import { createVerifier } from './fill-body.ts';

const mebibyte = 1024 * 1024;
const bytes = bytesOf(6 * mebibyte);

function startVerifier() {
  const present = createIntervals();
  const reads: number[] = [];
  const verifier = createVerifier({
    digest: digestOf(bytes),
    presentEnd: present.runEnd,
    async read(offset, into) {
      await new Promise(setImmediate);
      reads.push(into.length);
      return bytes.copy(into, 0, offset, offset + into.length);
    },
  });
  /** As a fetcher writes: told first, present later. */
  const write = async (start: number, endExclusive: number) => {
    verifier.offer(start, [bytes.subarray(start, endExclusive)]);
    await new Promise(setImmediate);
    present.add(start, endExclusive);
    void verifier.catchUp();
  };
  return { verifier, write, reads };
}

test('what comes in order is hashed as it comes, and never read back', async () => {
  const { verifier, write, reads } = startVerifier();
  for (let at = 0; at < bytes.length; at += mebibyte) await write(at, at + mebibyte);
  await verifier.catchUp();
  assert.equal(verifier.digest(), digestOf(bytes));
  assert.deepEqual(reads, []);
});

test('what comes in any order and at once is hashed in order', async () => {
  const { verifier, write } = startVerifier();
  const parts = [3, 1, 0, 5, 2, 4].map((part) => write(part * mebibyte, (part + 1) * mebibyte));
  await Promise.all(parts);
  await verifier.catchUp();
  assert.equal(verifier.digest(), digestOf(bytes));
});

test('a few bytes that came first do not make it read the rest in as small pieces', async () => {
  const { verifier, write, reads } = startVerifier();
  await write(mebibyte, mebibyte + 1);
  await write(0, mebibyte);
  for (let at = mebibyte + 1; at < bytes.length; at += mebibyte) await write(at, Math.min(at + mebibyte, bytes.length));
  await verifier.catchUp();
  assert.equal(verifier.digest(), digestOf(bytes));
  assert.ok(reads.length < 20, `${reads.length} reads`);
});
