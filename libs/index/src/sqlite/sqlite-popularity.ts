// Popularity of a single process. It is in memory, and every change is also written to a table, which the next process
// reads.
import { createPopularity, type PopularityOptions } from '../in-process/create-popularity.ts';
import type { PopularityIndex, Ranking } from '../popularity.ts';
import type { SqliteConnection } from './sqlite-connection.ts';

interface Change {
  readonly ranking: Ranking;
  readonly name: string;
  readonly score: number | undefined;
}

type Row = Change & { readonly score: number };

export function createSqlitePopularity(
  { database, writeBehind }: SqliteConnection,
  options: Pick<PopularityOptions, 'now' | 'isAvailable' | 'checkAvailable'>,
): PopularityIndex {
  const rows = database.prepare('SELECT ranking, name, score FROM popularity').all() as unknown as Row[];
  const upsert = database.prepare('INSERT OR REPLACE INTO popularity (ranking, name, score) VALUES (?, ?, ?)');
  const remove = database.prepare('DELETE FROM popularity WHERE ranking = ? AND name = ?');
  const pending = writeBehind.table<Change>((_, { ranking, name, score }) => {
    if (score === undefined) remove.run(ranking, name);
    else upsert.run(ranking, name, score);
  });
  return createPopularity({
    ...options,
    saved: rows.map(({ ranking, name, score }) => [ranking, name, score]),
    onChange: (ranking, name, score) => pending.set(`${ranking} ${name}`, { ranking, name, score }),
  });
}
