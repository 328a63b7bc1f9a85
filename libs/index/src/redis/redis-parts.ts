// What the parts of the index share.
import type { PublishChanges } from './publish-changes.ts';
import type { WriteBehind } from './create-write-behind.ts';
import type { Keys } from './keys.ts';
import type { RedisCalls } from './redis-calls.ts';

export interface RedisParts {
  readonly calls: RedisCalls;
  readonly keys: Keys;
  readonly writeBehind: WriteBehind;
  readonly publishChanges: PublishChanges;
  /** A write was refused, because the record in its place is of a newer release. */
  readonly reportNewer: (kind: string, key: string) => void;
}
