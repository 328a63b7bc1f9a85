// Blob records and manifest records. Pending touches stay in memory until the next flush, and reads include them.
import type { DatabaseSync } from 'node:sqlite';
import { setImmediate as turn } from 'node:timers/promises';
import type { Digest } from '@cistern/oci';
import {
  type BlobIndex,
  type BlobRecord,
  type BlobShard,
  type BlobTotals,
  type ManifestIndex,
  type ManifestRecord,
  shardAt,
  shardCount,
} from '../blobs.ts';
import { packCrcTable, unpackCrcTable } from '../crc-tables.ts';
import { touchedBlob } from '../records.ts';
import type { BlobTable } from '../in-process/create-fill-table.ts';
import { rememberRows, type SqliteConnection } from './sqlite-connection.ts';

interface Row extends Omit<BlobRecord, 'schema' | 'digest' | 'verified' | 'table'> {
  readonly verified: number;
  readonly crcs: string | null;
}

interface ListedRow extends Row {
  readonly digest: Digest;
}

const pageSize = 100;
/** Records of a shard that one query reads. A query blocks the event loop, for about a millisecond. */
const shardPageSize = 250;

export function createSqliteBlobs({ database, writeBehind, run, call }: SqliteConnection) {
  const statements = prepareBlobs(database);
  /** Rows without pending touches. */
  const remembered = rememberRows<BlobRecord>();
  /** Times of pending touches by digest. Only digests that have a record are here. */
  const touches = writeBehind.table<number>((digest, atMs) => {
    statements.touch.run(atMs, digest);
    remembered.drop(digest);
  });
  let onReplaced: ((digest: Digest) => void) | undefined;

  function find(digest: Digest): BlobRecord | undefined {
    return remembered.get(digest, () => {
      const row = statements.select.get(digest) as Row | undefined;
      return row && toRecord(digest, row);
    });
  }

  /** Reads the rows directly, because remembering them would drop the rows that are read often. */
  async function recordsOf(shard: string): Promise<BlobRecord[]> {
    const records: BlobRecord[] = [];
    for (const algorithm of ['sha256', 'sha512']) {
      const start = `${algorithm}:${shard}`;
      for (let after = start; ;) {
        // No digest begins with the start and a "g", and all of the shard sort before that.
        const rows = await call(() => statements.shard.all(after, `${start}g`) as unknown as ListedRow[]);
        for (const { digest, ...row } of rows) records.push(withTouch(toRecord(digest, row)));
        if (rows.length < shardPageSize) break;
        after = rows.at(-1)!.digest;
        await turn();
      }
    }
    return records;
  }

  function withTouch(record: BlobRecord): BlobRecord;
  function withTouch(record: BlobRecord | undefined): BlobRecord | undefined;
  function withTouch(record: BlobRecord | undefined): BlobRecord | undefined {
    const touchedAtMs = record && touches.get(record.digest);
    return touchedAtMs === undefined ? record : record && touchedBlob(record, touchedAtMs);
  }

  function forget(digest: Digest): void {
    remembered.drop(digest);
    touches.delete(digest);
  }

  function put({ digest, size, state, verified, storedAtMs, lastPulledAtMs, table }: BlobRecord): void {
    const latestMs = Math.max(lastPulledAtMs, touches.get(digest) ?? 0);
    const crcs = table === undefined ? null : packCrcTable(table);
    statements.upsert.run(digest, size, state, Number(verified), storedAtMs, latestMs, crcs);
    forget(digest);
    onReplaced?.(digest);
  }

  function remove(digest: Digest, storedAtMs?: number): boolean {
    const { changes } =
      storedAtMs === undefined ? statements.remove.run(digest) : statements.removeStored.run(digest, storedAtMs);
    remembered.drop(digest);
    if (changes > 0) {
      touches.delete(digest);
      onReplaced?.(digest);
    }
    return changes > 0;
  }

  const get = (digest: Digest) => withTouch(find(digest));
  const blobs: BlobIndex = {
    get: (digest) => call(() => get(digest)),
    fromMemory: (digest) => (database.isOpen ? withTouch(remembered.peek(digest)) : undefined),
    put: (record) => call(() => put(record)),
    adopt: (record) =>
      call(() => {
        if (find(record.digest) !== undefined) return false;
        put(record);
        return true;
      }),
    markVerified: (digest, table) =>
      call(() => {
        statements.verify.run(table === undefined ? null : packCrcTable(table), digest);
        remembered.drop(digest);
      }),
    touch: (digest, atMs) =>
      call(() => {
        const waitingMs = touches.get(digest);
        if (waitingMs !== undefined || find(digest) !== undefined) touches.set(digest, Math.max(waitingMs ?? 0, atMs));
      }),
    async *leastRecent() {
      // Writes pending touches first, because the query below does not include them.
      await call(() => writeBehind.flush());
      yield* walkLeastRecent(
        (last) => call(() => statements.page.all(last.lastPulledAtMs, last.digest) as unknown as Place[]),
        blobs.get,
      );
    },
    async *shards(first): AsyncGenerator<BlobShard> {
      for (let position = first; position < shardCount; position += 1) {
        const shard = shardAt(position);
        yield { shard, records: await recordsOf(shard) };
      }
    },
    remove: (digest, storedAtMs) => call(() => remove(digest, storedAtMs)),
    totals: () => call(() => ({ ...(statements.totals.get() as unknown as BlobTotals) })),
  };
  const table: BlobTable = {
    get: (digest) => run(() => get(digest)),
    put: (record) => run(() => put(record)),
    remove: (digest) => run(() => remove(digest)),
    onReplaced(listener) {
      onReplaced = listener;
    },
  };
  return { blobs, table };
}

const columns = 'size, state, verified, stored_at_ms AS storedAtMs, last_pulled_at_ms AS lastPulledAtMs, crcs';

function prepareBlobs(database: DatabaseSync) {
  const prepare = (sql: string) => database.prepare(sql);
  return {
    select: prepare(`SELECT ${columns} FROM blobs WHERE digest = ?`),
    upsert: prepare(`
      INSERT INTO blobs (digest, size, state, verified, stored_at_ms, last_pulled_at_ms, crcs)
      VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO UPDATE SET crcs = excluded.crcs,
        size = excluded.size, state = excluded.state, verified = excluded.verified, stored_at_ms = excluded.stored_at_ms,
        last_pulled_at_ms = max(last_pulled_at_ms, excluded.last_pulled_at_ms)`),
    verify: prepare('UPDATE blobs SET verified = 1, crcs = coalesce(?, crcs) WHERE digest = ?'),
    remove: prepare('DELETE FROM blobs WHERE digest = ?'),
    removeStored: prepare('DELETE FROM blobs WHERE digest = ? AND stored_at_ms = ?'),
    page: prepare(`
      SELECT digest, last_pulled_at_ms AS lastPulledAtMs FROM blobs WHERE (last_pulled_at_ms, digest) > (?, ?)
      ORDER BY last_pulled_at_ms, digest LIMIT ${pageSize}`),
    shard: prepare(`
      SELECT digest, ${columns} FROM blobs WHERE digest > ? AND digest < ? ORDER BY digest LIMIT ${shardPageSize}`),
    totals: prepare('SELECT blobs, bytes FROM totals'),
    touch: prepare('UPDATE blobs SET last_pulled_at_ms = max(last_pulled_at_ms, ?) WHERE digest = ?'),
  };
}

function toRecord(digest: Digest, { crcs, ...row }: Row): BlobRecord {
  const table = unpackCrcTable(crcs, row.size);
  // Older releases wrote a third state for some blobs that are present.
  const state = row.state === 'deleting' ? 'deleting' : 'present';
  return { schema: 1, digest, ...row, state, verified: row.verified === 1, ...(table !== undefined && { table }) };
}

/** The position of a blob in the order of last pulls. */
type Place = Pick<BlobRecord, 'digest' | 'lastPulledAtMs'>;

async function* walkLeastRecent(
  pageAfter: (last: Pick<Place, 'lastPulledAtMs'> & { readonly digest: string }) => Promise<Place[]>,
  get: BlobIndex['get'],
): AsyncGenerator<BlobRecord> {
  for (let page = await pageAfter({ digest: '', lastPulledAtMs: -1 }); ; page = await pageAfter(page.at(-1)!)) {
    for (const { digest, lastPulledAtMs } of page) {
      const record = await get(digest);
      if (record?.lastPulledAtMs === lastPulledAtMs) yield record;
    }
    if (page.length < pageSize) return;
  }
}

export function createSqliteManifests({ database, call }: SqliteConnection): ManifestIndex {
  const select = database.prepare(
    'SELECT media_type AS mediaType, size, stored_at_ms AS storedAtMs FROM manifests WHERE digest = ?',
  );
  const upsert = database.prepare(
    'INSERT OR REPLACE INTO manifests (digest, media_type, size, stored_at_ms) VALUES (?, ?, ?, ?)',
  );
  const remove = database.prepare('DELETE FROM manifests WHERE digest = ?');
  const remembered = rememberRows<ManifestRecord>();

  function find(digest: Digest): ManifestRecord | undefined {
    const row = select.get(digest) as Omit<ManifestRecord, 'schema' | 'digest'> | undefined;
    return row && { schema: 1, digest, ...row };
  }

  return {
    get: (digest) => call(() => remembered.get(digest, () => find(digest))),
    put: ({ digest, mediaType, size, storedAtMs }) =>
      call(() => {
        upsert.run(digest, mediaType, size, storedAtMs);
        remembered.drop(digest);
      }),
    remove: (digest) =>
      call(() => {
        remembered.drop(digest);
        return remove.run(digest).changes > 0;
      }),
  };
}
