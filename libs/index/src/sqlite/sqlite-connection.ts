// What the tables of the index share.
import type { DatabaseSync } from 'node:sqlite';
import type { WriteBehind } from './create-write-behind.ts';

export interface SqliteConnection {
  readonly database: DatabaseSync;
  readonly writeBehind: WriteBehind;
  /** Runs `action`, which is short and writes in one transaction at most. Throws `index-unavailable` for SQLite's errors. */
  run<T>(action: () => T): T;
  /** As `run`. Rejects with `index-unavailable` for SQLite's errors, and once the index is closed. */
  call<T>(action: () => T): Promise<T>;
}
