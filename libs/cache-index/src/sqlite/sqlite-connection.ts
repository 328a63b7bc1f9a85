// What the tables of the index share.
import type { DatabaseSync } from 'node:sqlite';
import type { WriteBehind } from './create-write-behind.ts';

export interface SqliteConnection {
  readonly database: DatabaseSync;
  readonly writeBehind: WriteBehind;
  /** Runs `action`, which is synchronous and short. Rejects with `index-unavailable` for SQLite's errors. */
  call<T>(action: () => T): Promise<T>;
}
