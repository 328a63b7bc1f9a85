// Tests the limits of a store whose file system does not report its free space.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BlobStore } from '@cistern/blob-store';
import { createLogger } from '@cistern/telemetry';
import { createReadLimits } from './eviction-limits.ts';

type Space = NonNullable<BlobStore['space']>;

const fails = async () => Promise.reject(new Error('stale file handle'));
/** The limits while a fetch waits for 100 bytes. */
const byMaxBytes = { mostBytes: 900, highBytes: 810, lowBytes: 720 };

function startLimits(space: Space) {
  const seen = { space };
  const lines: string[] = [];
  const log = createLogger({ level: 'info', formatter: 'json', destination: { write: (line) => lines.push(line) } });
  const minFree = { share: 0.1, maxBytes: Infinity, shareOfLeft: 0.5 };
  const readLimits = createReadLimits(
    { maxBytes: 1000, highShare: 0.9, lowShare: 0.8, minFree },
    { store: { space: () => seen.space() }, log },
  );
  return { seen, lines, readLimits };
}

test('maxbytes is the only limit if the file system does not report its size', async () => {
  const { readLimits, lines } = startLimits(async () => undefined);
  assert.deepEqual(await readLimits(5000, 100), byMaxBytes);
  assert.deepEqual(lines, []);
});

test('maxbytes is the limit while the file system cannot be read, and one log line reports it', async () => {
  const { seen, readLimits, lines } = startLimits(fails);
  for (let reads = 0; reads < 3; reads += 1) assert.deepEqual(await readLimits(5000, 100), byMaxBytes);
  assert.equal(lines.length, 1);
  seen.space = async () => ({ freeBytes: 100, totalBytes: 1000 });
  assert.equal((await readLimits(500, 0)).mostBytes, 500);
  seen.space = fails;
  await readLimits(500, 0);
  assert.equal(lines.length, 2);
});
