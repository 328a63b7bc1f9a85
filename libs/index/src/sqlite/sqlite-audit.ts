// Audit entries, in an SQLite table, so that they survive a restart.
import { type AuditIndex, type AuditKind, type AuditEntry, maxAuditEntries } from '../audit.ts';
import { inTransaction, type SqliteConnection } from './sqlite-connection.ts';

export function createSqliteAudit({ database, call }: SqliteConnection): AuditIndex {
  const insert = database.prepare('INSERT INTO audit (kind, entry) VALUES (?, ?)');
  const trim = database.prepare(
    `DELETE FROM audit WHERE kind = ? AND sequence <=
      (SELECT sequence FROM audit WHERE kind = ? ORDER BY sequence DESC LIMIT 1 OFFSET ?)`,
  );
  const select = database.prepare(
    'SELECT sequence, kind, entry FROM audit WHERE sequence < ? ORDER BY sequence DESC LIMIT ?',
  );
  const selectOfKind = database.prepare(
    'SELECT sequence, kind, entry FROM audit WHERE kind = ? AND sequence < ? ORDER BY sequence DESC LIMIT ?',
  );
  return {
    add: (kind: AuditKind, entries) =>
      call(() =>
        inTransaction(database, () => {
          for (const entry of entries) insert.run(kind, entry);
          trim.run(kind, kind, maxAuditEntries);
        }),
      ),
    list: ({ limit, before = Number.MAX_SAFE_INTEGER, kind }) =>
      call(
        () =>
          (kind === undefined
            ? select.all(before, limit)
            : selectOfKind.all(kind, before, limit)) as unknown as AuditEntry[],
      ),
  };
}
