// Blob records. Touches wait in memory for the next flush and are laid over what is read.
import type { Digest } from '@cistern/oci';
import type { BlobIndex, BlobRecord } from '../blobs.ts';
import type { BlobTable } from '../in-process/blob-table.ts';
import { rememberRows } from './remember-rows.ts';
import type { SqliteConnection } from './sqlite-connection.ts';

interface Row {
  readonly size: number;
  readonly state: BlobRecord['state'];
  readonly verified: number;
  readonly stored_at_ms: number;
  readonly last_pulled_at_ms: number;
}

export interface SqliteBlobs {
  readonly blobs: BlobIndex;
  readonly table: BlobTable;
}

const pageSize = 100;

export function createSqliteBlobs({ database, writeBehind, run, call }: SqliteConnection): SqliteBlobs {
  const select = database.prepare(
    'SELECT size, state, verified, stored_at_ms, last_pulled_at_ms FROM blobs WHERE digest = ?',
  );
  const upsert = database.prepare(`
    INSERT INTO blobs VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO UPDATE SET
      size = excluded.size, state = excluded.state, verified = excluded.verified, stored_at_ms = excluded.stored_at_ms,
      last_pulled_at_ms = max(last_pulled_at_ms, excluded.last_pulled_at_ms)`);
  const verify = database.prepare('UPDATE blobs SET verified = 1 WHERE digest = ?');
  const remove = database.prepare('DELETE FROM blobs WHERE digest = ?');
  const removeStored = database.prepare('DELETE FROM blobs WHERE digest = ? AND stored_at_ms = ?');
  const evict = database.prepare(`
    UPDATE blobs SET
      last_pulled_at_ms = ?,
      state = CASE state WHEN 'present' THEN 'evicting' ELSE state END
    WHERE digest = ?`);
  const page = database.prepare(`
    SELECT digest, last_pulled_at_ms FROM blobs WHERE (last_pulled_at_ms, digest) > (?, ?)
    ORDER BY last_pulled_at_ms, digest LIMIT ${pageSize}`);
  const shardOf = database.prepare(
    "SELECT digest FROM blobs WHERE digest GLOB 'sha256:' || ?1 || '*' OR digest GLOB 'sha512:' || ?1 || '*'",
  );
  const totals = database.prepare('SELECT blobs, bytes FROM totals');
  const touch = database.prepare(`
    UPDATE blobs SET
      last_pulled_at_ms = max(last_pulled_at_ms, ?),
      state = CASE state WHEN 'evicting' THEN 'present' ELSE state END
    WHERE digest = ?`);
  /** Times of touches of records that exist. */
  const touches = writeBehind.table<number>((digest, atMs) => {
    touch.run(atMs, digest);
    remembered.drop(digest);
  });
  const remembered = rememberRows<Row>();
  let onReplaced: ((digest: Digest) => void) | undefined;

  function find(digest: Digest): Row | undefined {
    return remembered.get(digest, () => select.get(digest) as Row | undefined);
  }

  function get(digest: Digest): BlobRecord | undefined {
    const row = find(digest);
    return row && toRecord(digest, row);
  }

  function fromMemory(digest: Digest): BlobRecord | undefined {
    const row = remembered.peek(digest);
    return row !== undefined && database.isOpen ? toRecord(digest, row) : undefined;
  }

  function toRecord(digest: Digest, row: Row): BlobRecord {
    const touchedAtMs = touches.get(digest);
    return {
      schema: 1,
      digest,
      size: row.size,
      state: touchedAtMs !== undefined && row.state === 'evicting' ? 'present' : row.state,
      verified: row.verified === 1,
      storedAtMs: row.stored_at_ms,
      lastPulledAtMs: Math.max(row.last_pulled_at_ms, touchedAtMs ?? 0),
    };
  }

  function putBlob({ digest, size, state, verified, storedAtMs, lastPulledAtMs }: BlobRecord): void {
    const latestMs = Math.max(lastPulledAtMs, touches.get(digest) ?? 0);
    upsert.run(digest, size, state, Number(verified), storedAtMs, latestMs);
    remembered.drop(digest);
    touches.delete(digest);
    onReplaced?.(digest);
  }

  function markEvicting(digest: Digest, lastPulledAtMs: number): boolean {
    const record = get(digest);
    if (record === undefined || record.lastPulledAtMs > lastPulledAtMs) return false;
    // What waits to be written would undo it.
    evict.run(record.lastPulledAtMs, digest);
    remembered.drop(digest);
    touches.delete(digest);
    return true;
  }

  async function* leastRecent(): AsyncGenerator<BlobRecord> {
    // The pages do not know of touches that wait.
    await call(() => writeBehind.flush());
    for (let last = { digest: '', last_pulled_at_ms: -1 }; ;) {
      const rows = await call(() => page.all(last.last_pulled_at_ms, last.digest) as unknown as (typeof last)[]);
      for (const { digest, last_pulled_at_ms: lastPulledAtMs } of rows) {
        const record = await call(() => get(digest as Digest));
        if (record?.lastPulledAtMs === lastPulledAtMs) yield record;
      }
      if (rows.length < pageSize) return;
      last = rows.at(-1)!;
    }
  }

  function removeBlob(digest: Digest, storedAtMs?: number): boolean {
    const { changes } = storedAtMs === undefined ? remove.run(digest) : removeStored.run(digest, storedAtMs);
    remembered.drop(digest);
    if (changes > 0) {
      touches.delete(digest);
      onReplaced?.(digest);
    }
    return changes > 0;
  }

  const blobs: BlobIndex = {
    get: (digest) => call(() => get(digest)),
    fromMemory,
    put: (record) => call(() => putBlob(record)),
    adopt: (record) =>
      call(() => {
        if (find(record.digest) !== undefined) return false;
        putBlob(record);
        return true;
      }),
    markVerified: (digest) =>
      call(() => {
        verify.run(digest);
        remembered.drop(digest);
      }),
    touch: (digest, atMs) =>
      call(() => {
        const pendingMs = touches.get(digest);
        if (pendingMs !== undefined || find(digest) !== undefined) touches.set(digest, Math.max(pendingMs ?? 0, atMs));
      }),
    markEvicting: (digest, lastPulledAtMs) => call(() => markEvicting(digest, lastPulledAtMs)),
    leastRecent,
    ofShard: (shard) =>
      call(() => (shardOf.all(shard) as { readonly digest: Digest }[]).flatMap(({ digest }) => get(digest) ?? [])),
    remove: (digest, storedAtMs) => call(() => removeBlob(digest, storedAtMs)),
    totals: () =>
      call(() => {
        const row = totals.get() as { readonly blobs: number; readonly bytes: number };
        return { blobs: row.blobs, bytes: row.bytes };
      }),
  };
  const table: BlobTable = {
    get: (digest) => run(() => get(digest)),
    put: (record) => run(() => putBlob(record)),
    remove: (digest) => run(() => removeBlob(digest)),
    onReplaced(listener) {
      onReplaced = listener;
    },
  };
  return { blobs, table };
}
