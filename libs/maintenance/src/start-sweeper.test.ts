import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { BlobStore } from '@cistern/blob-store';
import { createMemoryStore } from '@cistern/blob-store/memory';
import { createTestIndex, repositoryOf } from '@cistern/index/testing';
import { digestOf } from '@cistern/oci';
import { createLogger } from '@cistern/telemetry';
import { startSweeper } from './start-sweeper.ts';

const hourMs = 3_600_000;

test('one worker sweeps every hour, and another takes over when it stops', { timeout: 3 * hourMs }, async (t) => {
  const index = createTestIndex({ now: Date.now });
  const lines: string[] = [];
  const log = createLogger({
    level: 'info',
    formatter: 'json',
    destination: { write: (line) => void lines.push(line) },
  });
  const swept: number[] = [];
  const sweepUploads = async (olderThanMs: number) => swept.push(olderThanMs);
  const sweepers = [1, 2].map(() => startSweeper({ index, store: { ...createMemoryStore(), sweepUploads }, log }));
  t.after(async () => Promise.all(sweepers.map(async (sweeper) => sweeper?.close())));
  await delay(1.5 * hourMs);
  assert.deepEqual(swept, [6 * hourMs, 6 * hourMs]);
  assert.match(lines.join(''), /"uploads":2/);
  await sweepers[0]?.close();
  await delay(60_000);
  assert.equal(swept.length, 3);
});

test('the upload of a blob with a live fill is spared', { timeout: 3 * hourMs }, async (t) => {
  const index = createTestIndex({ now: Date.now });
  const log = createLogger({ level: 'error', formatter: 'json' });
  const digest = digestOf(Buffer.from('a'));
  const fill = { digest, fillId: 'fill', owner: 'owner', address: '', class: 'interactive' } as const;
  const source = repositoryOf('docker.io', 'library/nginx');
  await index.fills.claim({ ...fill, source, replaces: 0, leaseMs: hourMs / 2 });
  const spared: (boolean | undefined)[] = [];
  const sweepUploads: BlobStore['sweepUploads'] = async (_, isFetched) => {
    spared.push(await isFetched?.(digest));
    return 0;
  };
  const sweeper = startSweeper({ index, store: { ...createMemoryStore(), sweepUploads }, log });
  t.after(async () => sweeper?.close());
  await delay(1.5 * hourMs);
  assert.deepEqual(spared, [true, false]);
});

test('a store that needs no sweeping gets no sweeper', () => {
  const log = createLogger({ level: 'info', formatter: 'json' });
  assert.equal(startSweeper({ index: createTestIndex({ now: Date.now }), store: createMemoryStore(), log }), undefined);
});
