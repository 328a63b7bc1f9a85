// What each part of a cached index works with.
import type { Entries } from './create-entries.ts';
import type { Outage } from './create-outage.ts';

export interface CachedParts<T extends object> {
  readonly entries: Entries<T>;
  readonly outage: Outage;
}
