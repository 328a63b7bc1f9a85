// The disk room of a store in a directory.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openFsStore } from '@cistern/blob-store/fs';
import { createMemoryStore } from '@cistern/blob-store/memory';
import { createTestIndex } from '@cistern/index/testing';
import { loadConfig } from '@cistern/config';
import { createLogger } from '@cistern/telemetry';
import { openDiskRoom } from './open-disk-room.ts';

const space = async () => ({ freeBytes: 1000, totalBytes: 1000 });

async function openParts(t: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-disk-room-'));
  const store = await openFsStore({ root: directory, log: console });
  t.after(async () => {
    await store.close();
    await rm(directory, { recursive: true });
  });
  const configWith = (env: Record<string, string>) => loadConfig({ env, defaults: { rootDirectory: directory } });
  const index = createTestIndex({ now: Date.now });
  const lines: string[] = [];
  const log = createLogger({ level: 'info', formatter: 'json', destination: { write: (line) => lines.push(line) } });
  return { store: { ...store, space }, configWith, config: configWith({}), index, log, lines };
}

test('a store in a directory has disk room, and other stores have none', async (t) => {
  const { config, store, index, log } = await openParts(t);
  const room = await openDiskRoom(config, { index, store, log });
  await room!.admit(900);
  await assert.rejects(room!.admit(995), /storage\.filesystem\.rootdirectory/);
  assert.equal(await openDiskRoom(config, { index, store: createMemoryStore(), log }), undefined);
});

test('a minfree as large as the file system is logged as a warning', async (t) => {
  const { configWith, index, store, log, lines } = await openParts(t);
  const open = async (minfree: string) => {
    const config = configWith({ REGISTRY_STORAGE_MINFREE: minfree });
    await openDiskRoom(config, { index, store, log });
  };
  for (const minfree of ['999', '99%']) await open(minfree);
  assert.deepEqual(lines, []);
  await open('1000');
  await open('1GiB');
  const warnings = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    warnings.map(({ minFreeBytes, totalBytes }) => [minFreeBytes, totalBytes]),
    [
      [1000, 1000],
      [1024 ** 3, 1000],
    ],
  );
  assert.match(String(warnings[0]?.['msg']), /storage\.minfree/);
});

test('a failing disk check at startup does not stop the worker', async (t) => {
  const { config, index, store, log } = await openParts(t);
  const broken = { ...store, space: async () => Promise.reject(new Error('stale file handle')) };
  const room = await openDiskRoom(config, { index, store: broken, log });
  await room!.admit(2 ** 40);
});
