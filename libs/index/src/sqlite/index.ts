export { openSqliteIndex } from './open-sqlite-index.ts';
