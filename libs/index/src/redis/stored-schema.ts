// Records say by which schema they were written, so that two releases can run side by side. What a newer one wrote is absent
// for this one, and stays: the scripts refuse to write over it.
import type { IndexLog } from '../index-log.ts';

export const schema = 1;

/** Of every hash that is a record. */
export const schemaField = 'v';

/** A hash as Redis gives it; empty if there is none. */
export type StoredHash = Readonly<Record<string, string | undefined>>;

/** False for a hash that is not there, or of a newer schema. */
export function isReadable(hash: StoredHash): boolean {
  return hash[schemaField] !== undefined && Number(hash[schemaField]) <= schema;
}

/** Logs, once for each kind of record, that one was left as it is. */
export function createNewerLog(log: IndexLog): (kind: string, key: string) => void {
  const logged = new Set<string>();
  return (kind, key) => {
    if (logged.has(kind)) return;
    logged.add(kind);
    log.warn({ kind, key }, 'a record in Redis is of a newer release and was left as it is; there may be more');
  };
}
