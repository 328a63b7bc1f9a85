// own-process: the clock advances by minutes, and other tests compare it with the times of files
import assert from 'node:assert/strict';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { CacheError } from '@cistern/errors';
import { digestOf } from '@cistern/oci';
import { until } from '@cistern/runtime/testing';
import { createLogger } from '@cistern/telemetry';
import { putBytes } from '../put-bytes.ts';
import { openFsStore } from './open-fs-store.ts';
import { FileError, toStoreError } from './store-error.ts';
import { watchDirectory } from './watch-directory.ts';

const errorOf = (code: string, doing: string): FileError => {
  const error = toStoreError(Object.assign(new Error(code), { code, syscall: 'write' }), doing);
  assert.ok(error instanceof FileError);
  return error;
};

function openLog() {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>);
  const log = createLogger({ level: 'info', formatter: 'json', destination: { write } });
  return { log, lines, messages: () => lines.map(({ msg }) => msg) };
}

function watch(t: TestContext) {
  const { log, messages } = openLog();
  const disk: { failsWith: string | undefined; probes: number } = { failsWith: undefined, probes: 0 };
  const watched = watchDirectory({
    root: '/store',
    log,
    probe: async () => {
      disk.probes += 1;
      if (disk.failsWith !== undefined) throw errorOf(disk.failsWith, 'be written and read');
    },
  });
  t.after(() => watched.close());
  return { watched, disk, log, messages };
}

test('a store whose directory is missing is one line at its beginning, one a minute and one at its end', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'cistern-fs-'));
  t.after(() => rm(root, { recursive: true }));
  const { log, lines, messages } = openLog();
  const store = await openFsStore({ root, log });
  t.after(() => store.close());
  const bytes = Buffer.from('blob');
  const put = () => putBytes(store, digestOf(bytes), bytes);
  const [directory, elsewhere] = [join(root, 'cistern'), join(root, 'unmounted')];
  await rename(directory, elsewhere);
  await assert.rejects(put());
  await until(() => lines.length === 1);
  assert.equal(lines[0]?.['path'], root);
  for (let second = 0; second < 125; second += 1) {
    await assert.rejects(put());
    await delay(1000);
  }
  await rename(elsewhere, directory);
  await until(() => messages().includes('store available again'));
  await put();
  const message = 'The store cannot be written and read: its directory is missing (ENOENT).';
  assert.deepEqual(lines[0]?.['err'], { message, code: 'ENOENT' });
  assert.ok(Number(lines.at(-1)?.['failures']) > 125);
  assert.deepEqual(messages(), [
    'store unavailable',
    'store still unavailable',
    'store still unavailable',
    'store available again',
  ]);
});

test('one file that cannot be read is no outage, and a failing disk explains the errors of all files', async (t) => {
  const { watched, disk, log, messages } = watch(t);
  const failed = errorOf('EIO', 'read a blob');
  for (let call = 0; call < 100; call += 1) {
    watched.failed(failed);
    await delay(10);
  }
  assert.equal(disk.probes, 1);
  await delay(30_000);
  log.warn({ err: failed }, 'before');
  disk.failsWith = 'EROFS';
  watched.failed(failed);
  await until(() => messages().includes('store unavailable'));
  log.warn({ err: failed }, 'consequence');
  log.warn({ err: new CacheError('store-unavailable', 'The spool is full.') }, 'another cause');
  disk.failsWith = undefined;
  await until(() => messages().includes('store available again'));
  assert.deepEqual(messages(), ['before', 'store unavailable', 'another cause', 'store available again']);
});

test('a full disk that still has space for a probe is one outage, and explains only failed writes', async (t) => {
  const { watched, log, messages } = watch(t);
  const full = errorOf('ENOSPC', 'write a blob');
  for (let second = 0; second < 30; second += 1) {
    watched.failed(full);
    watched.failed(errorOf('EIO', 'read a blob'));
    await delay(1000);
  }
  log.warn({ err: full }, 'consequence');
  log.warn({ err: errorOf('EIO', 'read a blob') }, 'another cause');
  await until(() => messages().includes('store available again'));
  assert.deepEqual(messages(), ['store unavailable', 'another cause', 'store available again']);
});

test('a closed store writes no further line', async (t) => {
  const { watched, disk, messages } = watch(t);
  disk.failsWith = 'EIO';
  watched.failed(errorOf('EIO', 'write a blob'));
  await until(() => messages().length === 1);
  await watched.close();
  disk.failsWith = undefined;
  await delay(200_000);
  assert.deepEqual(messages(), ['store unavailable']);
});
