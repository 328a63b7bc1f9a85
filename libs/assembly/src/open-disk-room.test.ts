// Which disks get what is fetched, and how often.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openFsStore } from '@cistern/blob-store/fs';
import { createMemoryStore } from '@cistern/blob-store/memory';
import { createMemoryIndex } from '@cistern/cache-index/memory';
import { loadConfig } from '@cistern/config';
import { openDiskRoom } from './open-disk-room.ts';

const { signal } = new AbortController();
const space = async () => ({ freeBytes: 1000, totalBytes: 1000 });

async function openParts(t: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-disk-room-'));
  const store = await openFsStore({ root: directory, log: console });
  t.after(async () => {
    await store.close();
    await rm(directory, { recursive: true });
  });
  const config = loadConfig({ env: {}, defaults: { rootDirectory: directory } });
  const index = createMemoryIndex({ now: Date.now });
  return { directory, store: { ...store, space }, config, index };
}

test('a file of the own spool of the store is there once', async (t) => {
  const { config, store, index } = await openParts(t);
  const room = await openDiskRoom(config, { index, store, spoolDirectory: store.spoolDirectory! });
  await room.admit(900, signal);
  await assert.rejects(room.admit(995, signal), /storage\.filesystem\.rootdirectory/);
});

test('what is copied from a spool beside the store is there twice for a while', async (t) => {
  const { config, store, index, directory } = await openParts(t);
  const { adoptFile: _adoptFile, spoolDirectory: _spoolDirectory, ...elsewhere } = store;
  const room = await openDiskRoom(config, { index, store: elsewhere, spoolDirectory: directory });
  await room.admit(450, signal);
  await assert.rejects(room.admit(600, signal), /storage\.filesystem\.rootdirectory/);
});

test('of a store without a disk it is the spool that has to have room', async (t) => {
  const { config, index, directory } = await openParts(t);
  const room = await openDiskRoom(config, { index, store: createMemoryStore(), spoolDirectory: directory });
  await room.admit(1, signal);
  await assert.rejects(room.admit(2 ** 52, signal), /worker\.spool\.directory/);
});
