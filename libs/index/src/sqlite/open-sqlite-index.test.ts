import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { appendFile, cp, mkdtemp, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test, { type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { isCacheError } from '@cistern/errors';
import { describeCacheIndex } from '../conformance.ts';
import {
  assertSameRecord,
  nginx,
  sampleBlobRecord,
  sampleClaim,
  sampleDigest,
  sampleLink,
  sampleManifest,
  sampleTag,
} from '../conformance/sample-records.ts';
import type { CacheIndex } from '../cache-index.ts';
import { openSqliteIndex } from './open-sqlite-index.ts';

interface SqliteUnderTest {
  readonly directory: string;
  readonly path: string;
  readonly logged: Record<string, unknown>[];
  open(now?: () => number): Promise<CacheIndex>;
}

async function inTemporaryDirectory(t: TestContext): Promise<SqliteUnderTest> {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-sqlite-'));
  t.after(async () => rm(directory, { recursive: true, force: true }));
  const path = join(directory, 'deep', 'index.sqlite');
  const logged: Record<string, unknown>[] = [];
  function log(fields: object, message: string): void {
    logged.push({ ...fields, message });
  }
  return {
    directory: join(directory, 'deep'),
    path,
    logged,
    async open(now = Date.now) {
      const index = await openSqliteIndex({ path, now, log: { warn: log, error: log } });
      t.after(async () => index.close());
      return index;
    },
  };
}

describeCacheIndex('sqlite', async (t) => {
  let nowMs = 1_700_000_000_000;
  const { open: openIndex } = await inTemporaryDirectory(t);
  const index = await openIndex(() => nowMs);
  return {
    index,
    now: () => nowMs,
    advance: async (ms) => {
      nowMs += ms;
    },
    fail: async () => index.close(),
  };
});

async function fill(index: CacheIndex): Promise<void> {
  await index.tags.put(sampleTag('1', { lastFailure: 'timeout' }));
  await index.manifests.put(sampleManifest('m'));
  await index.blobs.put(sampleBlobRecord('a', { storedAtMs: 1_700_000_000_000.25, size: 7 }));
  await index.links.put(nginx, [sampleLink(nginx, 'a', { size: 7 })]);
}

async function assertFilled(index: CacheIndex): Promise<void> {
  assertSameRecord(await index.tags.get(sampleTag('1')), sampleTag('1', { lastFailure: 'timeout' }));
  assertSameRecord(await index.manifests.get(sampleDigest('m')), sampleManifest('m'));
  assertSameRecord(
    await index.blobs.get(sampleDigest('a')),
    sampleBlobRecord('a', { storedAtMs: 1_700_000_000_000.25, size: 7 }),
  );
  assertSameRecord(await index.links.get(nginx, sampleDigest('a')), sampleLink(nginx, 'a', { size: 7 }));
  assert.deepEqual(await index.blobs.totals(), { blobs: 1, bytes: 7 });
}

async function assertEmpty(index: CacheIndex): Promise<void> {
  assert.equal(await index.tags.get(sampleTag('1')), undefined);
  assert.deepEqual(await index.blobs.totals(), { blobs: 0, bytes: 0 });
  assert.deepEqual(await index.links.repositories({ limit: 1 }), []);
}

test('records survive a restart, and fills do not', async (t) => {
  const tested = await inTemporaryDirectory(t);
  const before = await tested.open();
  await fill(before);
  await before.fills.claim(sampleClaim('a'));
  await before.close();
  assert.deepEqual(await readdir(tested.directory), ['index.sqlite']);
  const after = await tested.open();
  await assertFilled(after);
  assert.equal(await after.fills.read(sampleDigest('a')), undefined);
  assert.deepEqual(tested.logged, []);
});

test('records survive a kill, except for the pulls of the last second', async (t) => {
  const tested = await inTemporaryDirectory(t);
  const script = fileURLToPath(import.meta.resolve('./fixtures/fill-and-die.ts'));
  const { promise, resolve } = Promise.withResolvers<string | null | undefined>();
  execFile(process.execPath, [script, tested.path], (error) => resolve(error?.signal));
  assert.equal(await promise, 'SIGKILL');
  const after = await tested.open();
  assertSameRecord(await after.tags.get(sampleTag('1')), sampleTag('1'));
  assertSameRecord(await after.blobs.get(sampleDigest('a')), sampleBlobRecord('a'));
  assert.deepEqual(tested.logged, []);
});

test('pulls and touches are written on close', async (t) => {
  const tested = await inTemporaryDirectory(t);
  const before = await tested.open();
  await before.tags.put(sampleTag('1', { pulls: 1 }));
  await before.blobs.put(sampleBlobRecord('a', { lastPulledAtMs: 1 }));
  for (const atMs of [10, 30, 20]) {
    await before.tags.recordPull(sampleTag('1'), atMs);
    await before.blobs.touch(sampleDigest('a'), atMs);
  }
  await before.close();
  const after = await tested.open();
  assertSameRecord(await after.tags.get(sampleTag('1')), sampleTag('1', { pulls: 4, lastPulledAtMs: 30 }));
  assertSameRecord(await after.blobs.get(sampleDigest('a')), sampleBlobRecord('a', { lastPulledAtMs: 30 }));
});

test('any number of pulls and touches is written within seconds, and counted one time', async (t) => {
  const tested = await inTemporaryDirectory(t);
  const index = await tested.open();
  const tags = Array.from({ length: 1200 }, (_, number) => sampleTag(`v${number}`));
  for (const tag of tags) await index.tags.put(tag);
  await index.blobs.put(sampleBlobRecord('a', { lastPulledAtMs: 1 }));
  for (const tag of [...tags, ...tags]) await index.tags.recordPull(tag, 5);
  await index.blobs.touch(sampleDigest('a'), 77);

  // Copies the files, because the copy has the same state as after a kill at this moment.
  const copy = join(tested.directory, 'copy.sqlite');
  const written = async () => {
    for (const suffix of ['', '-wal']) await cp(tested.path + suffix, copy + suffix);
    using file = new DatabaseSync(copy);
    return file
      .prepare('SELECT (SELECT sum(pulls) FROM tags) AS pulls, (SELECT last_pulled_at_ms FROM blobs) AS touched')
      .get();
  };
  const deadline = Date.now() + 60_000;
  for (let row = await written(); row?.['pulls'] !== 2400 || row['touched'] !== 77; row = await written()) {
    assert.ok(Date.now() < deadline, 'the pulls were not written');
    await delay(20);
  }
  assert.equal((await index.tags.get(tags[0]!))?.pulls, 2);
});

test('a second process is rejected until the first has closed the index', async (t) => {
  const tested = await inTemporaryDirectory(t);
  const first = await tested.open();
  const script = fileURLToPath(import.meta.resolve('./fixtures/open-and-report.ts'));
  const openElsewhere = promisify(execFile);
  assert.match(
    (await openElsewhere(process.execPath, [script, tested.path])).stdout,
    /another process uses the index file/,
  );
  await first.close();
  assert.match((await openElsewhere(process.execPath, [script, tested.path])).stdout, /opened/);
  assert.deepEqual(tested.logged, []);
});

for (const [origin, harm] of [
  ['from a newer version', (database: DatabaseSync) => database.exec('PRAGMA user_version = 999')],
  ['from another program', (database: DatabaseSync) => database.exec('PRAGMA user_version = 0')],
] as const)
  test(`a file ${origin} is renamed with all its data, and a new one is created`, async (t) => {
    const tested = await inTemporaryDirectory(t);
    const before = await tested.open();
    await fill(before);
    await before.close();
    using database = new DatabaseSync(tested.path);
    harm(database);
    database.close();

    const after = await tested.open();
    await assertEmpty(after);
    await fill(after);
    const [warning] = tested.logged;
    assert.match(String(warning?.['message']), /set aside/);
    using aside = new DatabaseSync(String(warning?.['aside']), { readOnly: true });
    assert.equal(aside.prepare('SELECT count(*) AS count FROM tags').get()?.['count'], 1);
    await after.close();
    await assertFilled(await tested.open());
    assert.equal(tested.logged.length, 1);
  });

test('a file to which a newer release has added columns remains usable', async (t) => {
  const tested = await inTemporaryDirectory(t);
  await (await tested.open()).close();
  using database = new DatabaseSync(tested.path);
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
  for (const { name } of tables.all()) database.exec(`ALTER TABLE ${String(name)} ADD COLUMN newer TEXT`);
  database.close();
  const index = await tested.open();
  await fill(index);
  await assertFilled(index);
  assert.deepEqual(tested.logged, []);
});

test('a file that is not a database is renamed, and a new one is created', async (t) => {
  const tested = await inTemporaryDirectory(t);
  await (await tested.open()).close();
  const garbage = 'garbage '.repeat(4096);
  await writeFile(tested.path, garbage);
  await assertEmpty(await tested.open());
  assert.equal(await readFile(String(tested.logged[0]?.['aside']), 'utf8'), garbage);
});

test('a file with damaged pages is renamed, and a new one is created', async (t) => {
  const tested = await inTemporaryDirectory(t);
  const before = await tested.open();
  for (let number = 0; number < 500; number += 1) await before.tags.put(sampleTag(`v${number}`));
  await before.close();
  const { size } = await stat(tested.path);
  const file = await open(tested.path, 'r+');
  await file.write(Buffer.alloc(size - 8192, 0xa5), 0, size - 8192, 8192);
  await file.close();
  await assertEmpty(await tested.open());
  assert.equal(tested.logged[0]?.['reason'], 'damaged');
});

test('the write-ahead log has four mebibytes after opening, so that it need not grow on a full disk', async (t) => {
  const tested = await inTemporaryDirectory(t);
  for (let start = 0; start < 2; start += 1) {
    const index = await tested.open();
    assert.ok((await stat(`${tested.path}-wal`)).size > 2 ** 22);
    await index.close();
  }
});

test('a restart does not extend the file', async (t) => {
  const tested = await inTemporaryDirectory(t);
  const sizes = new Set<number>();
  for (let start = 0; start < 3; start += 1) {
    await (await tested.open()).close();
    sizes.add((await stat(tested.path)).size);
  }
  assert.equal(sizes.size, 1);
});

test('a kill during an extension does not damage the file', async (t) => {
  const tested = await inTemporaryDirectory(t);
  const before = await tested.open();
  await fill(before);
  await before.close();
  await appendFile(tested.path, Buffer.alloc(100_000));
  for (let start = 0; start < 2; start += 1) {
    const after = await tested.open();
    await assertFilled(after);
    for (let number = 0; number < 10_000; number += 1) await after.tags.put(sampleTag(`v${number}`));
    await after.close();
  }
  await assertFilled(await tested.open());
  assert.deepEqual(tested.logged, []);
});

test('opening a file that cannot be created rejects with index-unavailable', async (t) => {
  const tested = await inTemporaryDirectory(t);
  await writeFile(tested.directory, 'in the way');
  await assert.rejects(tested.open(), (error) => isCacheError(error, 'index-unavailable'));
});
