// Tag records. Pulls wait in memory for the next flush and are laid over what is read.
import type { Digest, Tag } from '@cistern/oci';
import { isSameConfirmation } from '../is-same-confirmation.ts';
import { repositoryKeyOf, repositoryPath } from '../repository-path.ts';
import type { TagIndex, TagKey, TagRecord } from '../tags.ts';
import { rememberRows } from './remember-rows.ts';
import type { SqliteConnection } from './sqlite-connection.ts';

interface Row {
  readonly path: string;
  readonly tag: Tag;
  readonly digest: Digest;
  readonly media_type: string;
  readonly size: number;
  readonly sequence: number;
  readonly first_seen_at_ms: number;
  readonly changed_at_ms: number;
  readonly checked_at_ms: number;
  readonly last_pulled_at_ms: number;
  readonly pulls: number;
  readonly last_tried_at_ms: number;
  readonly last_failure: string | null;
  readonly origin: TagRecord['origin'];
}

/** Pulls that the row does not count yet. */
interface Pulls {
  readonly path: string;
  readonly tag: string;
  readonly count: number;
  readonly lastAtMs: number;
}

export function createSqliteTags({ database, writeBehind, call }: SqliteConnection): TagIndex {
  const select = database.prepare('SELECT * FROM tags WHERE path = ? AND tag = ?');
  const upsert = database.prepare('INSERT OR REPLACE INTO tags VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
  const remove = database.prepare('DELETE FROM tags WHERE path = ? AND tag = ?');
  const list = database.prepare('SELECT * FROM tags WHERE path = ? AND tag > ? ORDER BY tag LIMIT ?');
  const addPulls = database.prepare(`
    UPDATE tags SET pulls = pulls + ?, last_pulled_at_ms = max(last_pulled_at_ms, ?) WHERE path = ? AND tag = ?`);
  /** Pulls of records that exist. */
  const pending = writeBehind.table<Pulls>((key, { path, tag, count, lastAtMs }) => {
    addPulls.run(count, lastAtMs, path, tag);
    remembered.drop(key);
  });
  /** Without the pulls that wait. */
  const remembered = rememberRows<TagRecord>();

  function find(path: string, tag: string): TagRecord | undefined {
    return remembered.get(pendingKey(path, tag), () => {
      const row = select.get(path, tag) as Row | undefined;
      return row && toRecord(row);
    });
  }

  function get(path: string, tag: string): TagRecord | undefined {
    const record = find(path, tag);
    return record && withPulls(record);
  }

  function withPulls(record: TagRecord): TagRecord {
    const pulls = pending.get(pendingKey(repositoryPath(record), record.tag));
    if (pulls === undefined) return record;
    const lastPulledAtMs = Math.max(record.lastPulledAtMs, pulls.lastAtMs);
    return { ...record, pulls: record.pulls + pulls.count, lastPulledAtMs };
  }

  function put(record: TagRecord): void {
    const path = repositoryPath(record);
    const previous = get(path, record.tag);
    upsert.run(
      path,
      record.tag,
      record.digest,
      record.mediaType,
      record.size,
      record.sequence,
      record.firstSeenAtMs,
      record.changedAtMs,
      record.checkedAtMs,
      Math.max(record.lastPulledAtMs, previous?.lastPulledAtMs ?? 0),
      Math.max(record.pulls, previous?.pulls ?? 0),
      record.lastTriedAtMs,
      record.lastFailure ?? null,
      record.origin,
    );
    remembered.drop(pendingKey(path, record.tag));
    pending.delete(pendingKey(path, record.tag));
  }

  function recordPull(key: TagKey, atMs: number, count: number): void {
    const path = repositoryPath(key);
    const pulls = pending.get(pendingKey(path, key.tag));
    if (pulls === undefined && find(path, key.tag) === undefined) return;
    pending.set(pendingKey(path, key.tag), {
      path,
      tag: key.tag,
      count: (pulls?.count ?? 0) + count,
      lastAtMs: Math.max(pulls?.lastAtMs ?? 0, atMs),
    });
  }

  return {
    get: (key) => call(() => get(repositoryPath(key), key.tag)),
    fromMemory: (key) => (database.isOpen ? remembered.peek(pendingKey(repositoryPath(key), key.tag)) : undefined),
    put: (record) => call(() => put(record)),
    replace: (before, record) =>
      call(() => {
        if (!isSameConfirmation(find(repositoryPath(record), record.tag), before)) return false;
        put(record);
        return true;
      }),
    adopt: (record) =>
      call(() => {
        if (find(repositoryPath(record), record.tag) !== undefined) return false;
        put(record);
        return true;
      }),
    remove: (key) =>
      call(() => {
        const path = repositoryPath(key);
        const removed = remove.run(path, key.tag).changes > 0;
        remembered.drop(pendingKey(path, key.tag));
        pending.delete(pendingKey(path, key.tag));
        return removed;
      }),
    recordPull: (key, atMs, pulls = 1) => call(() => recordPull(key, atMs, pulls)),
    list: (upstream, repository, { after = '', limit }) =>
      call(() =>
        list
          .all(repositoryPath({ upstream, repository }), after, limit)
          .map((row) => withPulls(toRecord(row as unknown as Row))),
      ),
  };
}

function toRecord(row: Row): TagRecord {
  return {
    ...repositoryKeyOf(row.path),
    schema: 1,
    tag: row.tag,
    digest: row.digest,
    mediaType: row.media_type,
    size: row.size,
    sequence: row.sequence,
    firstSeenAtMs: row.first_seen_at_ms,
    changedAtMs: row.changed_at_ms,
    checkedAtMs: row.checked_at_ms,
    lastPulledAtMs: row.last_pulled_at_ms,
    pulls: row.pulls,
    lastTriedAtMs: row.last_tried_at_ms,
    lastFailure: row.last_failure ?? undefined,
    origin: row.origin,
  };
}

/** A tag never holds a colon. */
function pendingKey(path: string, tag: string): string {
  return `${path}:${tag}`;
}
