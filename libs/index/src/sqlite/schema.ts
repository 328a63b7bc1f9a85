// The tables of the index. There are no migrations, because the index can be rebuilt from the store. A file of another
// version is renamed and replaced by a new one.
import type { DatabaseSync } from 'node:sqlite';

export const schemaVersion = 1;

// The column `path` contains `<upstream>/<repository>`. SQLite's default collation (BINARY) is the byte order that
// `LinkIndex` and `TagIndex` promise for lists. Times are REAL, because the times of files are not whole milliseconds.
export const schema = `
  CREATE TABLE tags (
    path TEXT NOT NULL,
    tag TEXT NOT NULL,
    digest TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    first_seen_at_ms REAL NOT NULL,
    changed_at_ms REAL NOT NULL,
    checked_at_ms REAL NOT NULL,
    last_pulled_at_ms REAL NOT NULL,
    pulls INTEGER NOT NULL,
    last_tried_at_ms REAL NOT NULL,
    last_failure TEXT,
    origin TEXT NOT NULL,
    PRIMARY KEY (path, tag)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE manifests (
    digest TEXT NOT NULL PRIMARY KEY,
    media_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    stored_at_ms REAL NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE blobs (
    digest TEXT NOT NULL PRIMARY KEY,
    size INTEGER NOT NULL,
    state TEXT NOT NULL,
    verified INTEGER NOT NULL,
    stored_at_ms REAL NOT NULL,
    last_pulled_at_ms REAL NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE links (
    path TEXT NOT NULL,
    digest TEXT NOT NULL,
    kind TEXT NOT NULL,
    size INTEGER,
    media_type TEXT,
    PRIMARY KEY (path, digest)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE totals (blobs INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;
  INSERT INTO totals VALUES (0, 0);
  CREATE TRIGGER blob_added AFTER INSERT ON blobs BEGIN
    UPDATE totals SET blobs = blobs + 1, bytes = bytes + new.size;
  END;
  CREATE TRIGGER blob_changed AFTER UPDATE OF size ON blobs BEGIN
    UPDATE totals SET bytes = bytes + new.size - old.size;
  END;
  CREATE TRIGGER blob_removed AFTER DELETE ON blobs BEGIN
    UPDATE totals SET blobs = blobs - 1, bytes = bytes - old.size;
  END;

  PRAGMA user_version = ${schemaVersion};
`;

/**
 * Tables that were added after the first release of this version. They are created if they are missing, so that files
 * of that release remain usable.
 */
export const additions = `
  CREATE TABLE IF NOT EXISTS rebuilt (complete INTEGER NOT NULL PRIMARY KEY) STRICT;
  CREATE TABLE IF NOT EXISTS rebuild_marks (name TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;

  CREATE TABLE IF NOT EXISTS popularity (
    ranking TEXT NOT NULL,
    name TEXT NOT NULL,
    score REAL NOT NULL,
    PRIMARY KEY (ranking, name)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE IF NOT EXISTS audit (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    entry TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS audit_kinds ON audit (kind, sequence);
  CREATE TABLE IF NOT EXISTS node_counts (
    name TEXT NOT NULL PRIMARY KEY,
    count INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS node_history (
    range TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    counts TEXT NOT NULL,
    PRIMARY KEY (range, at_ms)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS spare (bytes BLOB NOT NULL) STRICT;
  CREATE INDEX IF NOT EXISTS blobs_least_recent ON blobs (last_pulled_at_ms, digest);
`;

/**
 * Adds columns that files of earlier releases do not have. All statements name their columns, so an earlier release still
 * opens and writes the file. Releases up to 0.2.0 do not work with further columns in `tags`, `manifests`,
 * `popularity`, `rebuilt`, `rebuild_marks` or `spare`. Checks for each column first, because SQLite has no
 * `IF NOT EXISTS` for columns.
 */
export function addColumns(database: DatabaseSync): void {
  const add = (table: string, column: string, type: string) => {
    const columns = database.prepare(`PRAGMA table_info(${table})`).all();
    if (!columns.some(({ name }) => name === column))
      database.exec(`ALTER TABLE ${table} ADD COLUMN ${column} ${type}`);
  };
  add('links', 'platform', 'TEXT');
  add('links', 'confirmed', 'INTEGER');
  add('tags', 'warning', 'TEXT');
  add('blobs', 'crcs', 'TEXT');
}
