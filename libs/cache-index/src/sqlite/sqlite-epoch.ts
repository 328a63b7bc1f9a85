// Whether the index is whole: said in its own file, so that a new one, or one that takes a damaged one's place, is not.
import type { EpochIndex } from '../epoch.ts';
import { createNeverLost } from '../in-process/never-lost.ts';
import type { SqliteConnection } from './sqlite-connection.ts';

export function createSqliteEpoch({ database, call }: SqliteConnection, checkAvailable: () => void): EpochIndex {
  const select = database.prepare('SELECT complete FROM rebuilt');
  const insert = database.prepare('INSERT OR REPLACE INTO rebuilt VALUES (1)');
  return createNeverLost({
    checkAvailable,
    isComplete: () => call(() => select.get() !== undefined),
    markComplete: () => call(() => void insert.run()),
  });
}
