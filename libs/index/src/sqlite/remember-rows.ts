// Rows as they were last read: a hot tag is asked for thousands of times a second, and a row costs 5 µs. Nobody else can change
// them, for the file is locked; whoever changes one here drops it.
import { LRUCache } from 'lru-cache';

export interface RememberedRows<R extends object> {
  /** "Not there" is not remembered. */
  get(key: string, read: () => R | undefined): R | undefined;
  peek(key: string): R | undefined;
  drop(key: string): void;
}

/** Of each table; a few hundred bytes apiece. */
const maxRows = 5000;

export function rememberRows<R extends object>(): RememberedRows<R> {
  /** Made when it is first needed, for it takes its room at once. */
  let rows: LRUCache<string, R> | undefined;
  return {
    get(key, read) {
      const known = rows?.get(key);
      if (known !== undefined) return known;
      const row = read();
      if (row !== undefined) (rows ??= new LRUCache({ max: maxRows })).set(key, row);
      return row;
    },
    peek: (key) => rows?.get(key),
    drop: (key) => void rows?.delete(key),
  };
}
