// The index of a single process, in one SQLite file. Fills, leases, values, node reports and announcements are only in
// memory, because they need not outlive the process (decision 0004). The counts of node reports are in the file.
import type { DatabaseSync } from 'node:sqlite';
import { CacheError } from '@cistern/errors';
import type { CacheIndex, IndexLog, ValueIndex, EpochIndex } from '../cache-index.ts';
import { createPubSub } from '../in-process/create-pubsub.ts';
import { createFillTable, type FillTableOptions, type InProcessOptions } from '../in-process/create-fill-table.ts';
import { createWriteBehind, type SqliteConnection } from './sqlite-connection.ts';
import { guard } from './index-error.ts';
import { type FreePages, keepFreePages } from './keep-free-pages.ts';
import { inMemory, openDatabase } from './open-database.ts';
import { createSqliteAudit } from './sqlite-audit.ts';
import { createSqliteBlobs, createSqliteManifests } from './sqlite-blobs.ts';
import { createSqliteLinks } from './sqlite-links.ts';
import { createSqliteNodes } from './sqlite-nodes.ts';
import { createSqlitePopularity } from './sqlite-popularity.ts';
import { createSqliteTags } from './sqlite-tags.ts';
import type { LeaseIndex } from '../leases.ts';
import { LRUCache } from 'lru-cache';

const maxValues = 10_000;

export interface SqliteIndexOptions {
  /**
   * Path of the file. A missing file or directory is created. With `:memory:` no file is used, and the index is lost
   * when it is closed.
   */
  readonly path: string;
  readonly now: () => number;
  readonly log: IndexLog;
}

/**
 * Rejects with `index-unavailable` if the file cannot be used. If the file is damaged or of another version, it is
 * renamed, a warning is logged, and a new index is created. The caller closes the index.
 */
export async function openSqliteIndex(options: SqliteIndexOptions): Promise<CacheIndex> {
  const database = openDatabase(options);
  if (options.path === inMemory) return createSqliteIndex(database, options);
  try {
    return createSqliteIndex(
      database,
      options,
      guard(() => keepFreePages(database, options.path, options.log)),
    );
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * Creates the index in a database that `openDatabase` has opened. The `close` of the index closes the database, and
 * then `pages`. Throws CacheError `index-unavailable` for SQLite's errors.
 */
export function createSqliteIndex(
  database: DatabaseSync,
  { now, log, settleMs }: Pick<SqliteIndexOptions, 'now' | 'log'> & Pick<FillTableOptions, 'settleMs'>,
  pages?: FreePages,
): CacheIndex {
  const writeBehind = createWriteBehind(database, log);

  function checkAvailable(): void {
    if (!database.isOpen) throw new CacheError('index-unavailable', 'The index is closed.');
  }

  const run = <T>(action: () => T): T => guard(() => (pages === undefined ? action() : pages.run(action)));
  const connection: SqliteConnection = {
    database,
    writeBehind,
    run,
    async call(action) {
      checkAvailable();
      return run(action);
    },
  };
  const { blobs, table } = createSqliteBlobs(connection);
  const ping = database.prepare('SELECT blobs FROM totals');
  return {
    tags: createSqliteTags(connection),
    manifests: createSqliteManifests(connection),
    blobs,
    links: createSqliteLinks(connection),
    fills: createFillTable({ now, blobs: table, checkAvailable, settleMs }),
    leases: createLeaseTable({ now, checkAvailable }),
    values: createValueTable({ now, checkAvailable }),
    popularity: guard(() =>
      createSqlitePopularity(connection, { now, checkAvailable, isAvailable: () => database.isOpen }),
    ),
    nodes: guard(() => createSqliteNodes(connection, { now, checkAvailable })),
    audit: guard(() => createSqliteAudit(connection)),
    epoch: createSqliteEpoch(connection),
    pubsub: createPubSub({ log, checkAvailable }),
    now,
    check: async () => connection.call(() => void ping.get()),
    async findFull() {
      await connection.call(() => void ping.get());
      return pages?.findFull();
    },
    async close() {
      if (!database.isOpen) return;
      try {
        run(() => writeBehind.close());
      } finally {
        database.close();
        pages?.close();
      }
    },
  };
}

/** Creates the leases of a single process, in memory. */
function createLeaseTable({ now, checkAvailable }: InProcessOptions): LeaseIndex {
  const leases = new Map<string, { readonly owner: string; readonly expiresAtMs: number }>();

  function forgetExpired(): void {
    for (const [name, { expiresAtMs }] of leases) if (expiresAtMs <= now()) leases.delete(name);
  }

  return {
    async acquire(name, owner, ms) {
      checkAvailable();
      forgetExpired();
      const holder = leases.get(name)?.owner ?? owner;
      if (holder !== owner) return false;
      leases.set(name, { owner, expiresAtMs: now() + ms });
      return true;
    },
    async release(name, owner) {
      checkAvailable();
      if (leases.get(name)?.owner === owner) leases.delete(name);
    },
  };
}

/** Creates the values of a single process, in memory. */
function createValueTable({ now, checkAvailable }: InProcessOptions): ValueIndex {
  /** Created on first use, because it allocates its memory immediately. */
  let values: LRUCache<string, string> | undefined;
  return {
    async get(name) {
      checkAvailable();
      return values?.get(name);
    },
    async put(name, value, ttlMs) {
      checkAvailable();
      values ??= new LRUCache({ max: maxValues, ttl: 1, ttlResolution: 0, perf: { now } });
      values.set(name, value, { ttl: Math.max(1, Math.ceil(ttlMs)) });
    },
    async remove(name) {
      checkAvailable();
      values?.delete(name);
    },
  };
}

/**
 * Creates the epoch of an index that cannot lose data while its process lives. No fill outlives the process, so claims
 * need not wait. The file records that it is complete, so a new file is not complete.
 */
function createSqliteEpoch({ database, call }: SqliteConnection): EpochIndex {
  const select = database.prepare('SELECT complete FROM rebuilt');
  const insert = database.prepare('INSERT OR REPLACE INTO rebuilt (complete) VALUES (1)');
  const selectMarks = database.prepare('SELECT name FROM rebuild_marks');
  const selectMark = database.prepare('SELECT 1 FROM rebuild_marks WHERE name = ?');
  const insertMark = database.prepare('INSERT OR REPLACE INTO rebuild_marks (name) VALUES (?)');
  return {
    isComplete: () => call(() => select.get() !== undefined),
    current: () => call(() => '1'),
    marks: () => call(() => new Set(selectMarks.all().map((row) => row['name'] as string))),
    hasMark: (_epoch, name) => call(() => selectMark.get(name) !== undefined),
    mark: (_epoch, name) => call(() => void insertMark.run(name)),
    markComplete: () =>
      call(() => {
        insert.run();
        return true;
      }),
  };
}
