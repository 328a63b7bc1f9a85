// Which disks get what is fetched, and how often.
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
  return { directory, store: { ...store, space }, configWith, config: configWith({}), index, log, lines };
}

test('a file of the own spool of the store is there once', async (t) => {
  const { config, store, index, log } = await openParts(t);
  const room = await openDiskRoom(config, { index, store, spoolDirectory: store.spoolDirectory!, log });
  await room.admit(900);
  await assert.rejects(room.admit(995), /storage\.filesystem\.rootdirectory/);
});

test('what is copied from a spool beside the store is there twice for a while', async (t) => {
  const { config, store, index, log, directory } = await openParts(t);
  const { adoptFile: _adoptFile, spoolDirectory: _spoolDirectory, ...elsewhere } = store;
  const room = await openDiskRoom(config, { index, store: elsewhere, spoolDirectory: directory, log });
  await room.admit(450);
  await assert.rejects(room.admit(600), /storage\.filesystem\.rootdirectory/);
});

test('of a store without a disk it is the spool that has to have room', async (t) => {
  const { config, index, log, directory } = await openParts(t);
  const room = await openDiskRoom(config, { index, store: createMemoryStore(), spoolDirectory: directory, log });
  await room.admit(1);
  await assert.rejects(room.admit(2 ** 52), /worker\.spool\.directory/);
});

test('the log warns of a minfree that is as large as the file system', async (t) => {
  const { configWith, index, store, log, lines } = await openParts(t);
  const open = async (minfree: string) => {
    const config = configWith({ REGISTRY_STORAGE_MINFREE: minfree });
    await openDiskRoom(config, { index, store, spoolDirectory: store.spoolDirectory!, log });
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

test('a disk that cannot be looked at at the start stops nothing', async (t) => {
  const { config, index, store, log } = await openParts(t);
  const broken = { ...store, space: async () => Promise.reject(new Error('stale file handle')) };
  const room = await openDiskRoom(config, { index, store: broken, spoolDirectory: store.spoolDirectory!, log });
  await room.admit(2 ** 40);
});
