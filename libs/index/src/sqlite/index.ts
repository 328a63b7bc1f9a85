export { openSqliteIndex } from './open-sqlite-index.ts';
export type { SqliteIndexOptions } from './open-sqlite-index.ts';
