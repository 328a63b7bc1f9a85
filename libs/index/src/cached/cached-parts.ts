// What each part of a cached index works with, and what they all do alike.
import type { ReadOptions } from '../read-options.ts';
import type { Entries } from './create-entries.ts';
import type { Outage } from './create-outage.ts';

export interface CachedParts<T extends object> {
  readonly entries: Entries<T>;
  readonly outage: Outage;
}

/** The record of that name as it is remembered, else as `load` brings it. */
export function readCached<T extends object>(
  { entries, outage }: CachedParts<T>,
  name: string,
  load: () => Promise<T | undefined>,
  options?: ReadOptions,
): Promise<T | undefined> {
  const read = options?.fresh === true ? entries.load : entries.get;
  return outage.read(
    () => read(name, load),
    () => entries.peek(name),
  );
}

/** Does `write`, which changes the records of those names; what they are now is read when it is asked for. */
export function writeCached<T extends object, R>(
  { entries, outage }: CachedParts<T>,
  names: readonly string[],
  write: () => Promise<R>,
  otherwise: () => R,
): Promise<R> {
  return outage.write(async () => {
    const result = await write();
    for (const name of names) entries.drop(name);
    return result;
  }, otherwise);
}

/** Resolves with whether there was a record of that name. */
export function removeCached<T extends object>(
  parts: CachedParts<T>,
  name: string,
  remove: () => Promise<boolean>,
): Promise<boolean> {
  return writeCached(parts, [name], remove, () => parts.entries.take(name) !== undefined);
}
