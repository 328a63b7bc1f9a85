// Tag records. Pending pulls stay in memory until the next flush, and reads include them.
import type { DatabaseSync } from 'node:sqlite';
import { repositoryPath, tagPath, sumOfPulls, withPulls } from '../records.ts';
import { isSameConfirmation, type TagIndex, type TagKey, type TagPulls, type TagRecord } from '../tags.ts';
import { rememberRows, type SqliteConnection } from './sqlite-connection.ts';

type Row = Omit<TagRecord, 'schema' | 'upstream' | 'repository' | 'lastFailure' | 'warning'> & {
  readonly lastFailure: string | null;
  readonly warning: string | null;
};

export function createSqliteTags({ database, writeBehind, call }: SqliteConnection): TagIndex {
  const statements = prepareTags(database);
  /** Rows without pending pulls. */
  const remembered = rememberRows<TagRecord>();
  /** Pending pulls by `tagPath`. Only tags that have a record are here. */
  const pending = writeBehind.table<TagPulls & { readonly key: TagKey }>((name, { key, count, lastAtMs }) => {
    statements.addPulls.run(count, lastAtMs, repositoryPath(key), key.tag);
    remembered.drop(name);
  });

  function find(key: TagKey): TagRecord | undefined {
    return remembered.get(tagPath(key), () => {
      const row = statements.select.get(repositoryPath(key), key.tag) as Row | undefined;
      return row && toRecord(key, row);
    });
  }

  function counted(record: TagRecord): TagRecord {
    const pulls = pending.get(tagPath(record));
    return pulls === undefined ? record : withPulls(record, pulls);
  }

  function forget(key: TagKey): void {
    remembered.drop(tagPath(key));
    pending.delete(tagPath(key));
  }

  function put(record: TagRecord): void {
    const previous = find(record);
    const { pulls = 0, lastPulledAtMs = 0 } = previous === undefined ? {} : counted(previous);
    statements.upsert.run(
      repositoryPath(record),
      record.tag,
      record.digest,
      record.mediaType,
      record.size,
      record.sequence,
      record.firstSeenAtMs,
      record.changedAtMs,
      record.checkedAtMs,
      Math.max(record.lastPulledAtMs, lastPulledAtMs),
      Math.max(record.pulls, pulls),
      record.lastTriedAtMs,
      record.lastFailure ?? null,
      record.origin,
      record.warning ?? null,
    );
    forget(record);
  }

  function putIf(isExpected: (before: TagRecord | undefined) => boolean, record: TagRecord): Promise<boolean> {
    return call(() => {
      if (!isExpected(find(record))) return false;
      put(record);
      return true;
    });
  }

  return {
    get: (key) =>
      call(() => {
        const record = find(key);
        return record && counted(record);
      }),
    fromMemory: (key) => (database.isOpen ? remembered.peek(tagPath(key)) : undefined),
    put: (record) => call(() => put(record)),
    replace: (before, record) => putIf((found) => isSameConfirmation(found, before), record),
    adopt: (record) => putIf((found) => found === undefined, record),
    remove: (key, seen) =>
      call(() => {
        if (seen !== undefined && !isSameConfirmation(find(key), seen)) return false;
        const removed = statements.remove.run(repositoryPath(key), key.tag).changes > 0;
        forget(key);
        return removed;
      }),
    recordPull: ({ upstream, repository, tag }, atMs, count = 1) =>
      call(() => {
        const key = { upstream, repository, tag };
        const waiting = pending.get(tagPath(key));
        if (waiting !== undefined || find(key) !== undefined)
          pending.set(tagPath(key), { key, ...sumOfPulls(waiting, { count, lastAtMs: atMs }) });
      }),
    list: (upstream, repository, { after = '', limit }) =>
      call(() => {
        const rows = statements.list.all(repositoryPath({ upstream, repository }), after, limit) as unknown as Row[];
        return rows.map((row) => counted(toRecord({ upstream, repository, tag: row.tag }, row)));
      }),
  };
}

function prepareTags(database: DatabaseSync) {
  const select = `
    SELECT tag, digest, media_type AS mediaType, size, sequence, first_seen_at_ms AS firstSeenAtMs,
      changed_at_ms AS changedAtMs, checked_at_ms AS checkedAtMs, last_pulled_at_ms AS lastPulledAtMs, pulls,
      last_tried_at_ms AS lastTriedAtMs, last_failure AS lastFailure, origin, warning
    FROM tags WHERE path = ?`;
  return {
    select: database.prepare(`${select} AND tag = ?`),
    list: database.prepare(`${select} AND tag > ? ORDER BY tag LIMIT ?`),
    upsert: database.prepare(`
      INSERT OR REPLACE INTO tags (path, tag, digest, media_type, size, sequence, first_seen_at_ms, changed_at_ms,
        checked_at_ms, last_pulled_at_ms, pulls, last_tried_at_ms, last_failure, origin, warning)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`),
    remove: database.prepare('DELETE FROM tags WHERE path = ? AND tag = ?'),
    addPulls: database.prepare(`
      UPDATE tags SET pulls = pulls + ?, last_pulled_at_ms = max(last_pulled_at_ms, ?) WHERE path = ? AND tag = ?`),
  };
}

function toRecord({ upstream, repository }: TagKey, row: Row): TagRecord {
  return {
    upstream,
    repository,
    schema: 1,
    ...row,
    lastFailure: row.lastFailure ?? undefined,
    warning: row.warning ?? undefined,
  };
}
