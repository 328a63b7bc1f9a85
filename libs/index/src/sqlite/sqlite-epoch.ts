// The epoch of an index that loses nothing without its process: no fill outlives it, so claims need not wait. Whether it is whole
// is said in its own file, so that a new one, or one that takes a damaged one's place, is not.
import type { EpochIndex } from '../epoch.ts';
import type { SqliteConnection } from './sqlite-connection.ts';

export function createSqliteEpoch({ database, call }: SqliteConnection): EpochIndex {
  const select = database.prepare('SELECT complete FROM rebuilt');
  const insert = database.prepare('INSERT OR REPLACE INTO rebuilt VALUES (1)');
  return {
    settle: () => call(() => {}),
    isComplete: () => call(() => select.get() !== undefined),
    current: () => call(() => '1'),
    markComplete: () =>
      call(() => {
        insert.run();
        return true;
      }),
  };
}
