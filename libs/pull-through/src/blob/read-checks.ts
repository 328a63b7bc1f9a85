// Which stored blobs are hashed again while they are sent. A client that reads a blob whole twice within a minute may not have
// liked the first answer: docker does that after a wrong digest. Each node remembers its own clients, and only so many.
import { hash } from 'node:crypto';
import type { BlobRecord } from '@cistern/cache-index';
import type { Digest } from '@cistern/oci';
import { LRUCache } from 'lru-cache';

/** An object of the store, and not one that has come in its place since. */
type StoredObject = Pick<BlobRecord, 'digest' | 'storedAtMs'>;

export interface ReadChecks {
  /**
   * Notes that `client` reads the blob whole, from the store. True: it did so within the last minute too, and nobody has hashed
   * the object within the last ten.
   */
  isDue(client: string, object: StoredObject): boolean;
  /** Whether the object was hashed here, and was right, within the last ten minutes. */
  isRight(object: StoredObject): boolean;
  noteRight(object: StoredObject): void;
  /** Objects that are being read whole to be hashed: whoever needs the same waits for the same. */
  readonly proving: Map<Digest, Promise<BlobRecord | undefined>>;
}

const repeatWithinMs = 60_000;
const rightForMs = 600_000;
/** Of about 150 bytes each. */
const maxRemembered = 4096;

export function createReadChecks({ now }: { readonly now: () => number }): ReadChecks {
  const options = { max: maxRemembered, ttlResolution: 0, perf: { now } };
  const reads = new LRUCache<string, true>({ ...options, ttl: repeatWithinMs });
  const right = new LRUCache<Digest, number>({ ...options, ttl: rightForMs });
  const isRight = ({ digest, storedAtMs }: StoredObject) => right.get(digest) === storedAtMs;
  return {
    isDue(client, object) {
      const key = hash('sha256', `${client} ${object.digest}`, 'base64');
      const isRepeated = reads.has(key);
      reads.set(key, true);
      return isRepeated && !isRight(object);
    },
    isRight,
    noteRight: ({ digest, storedAtMs }) => void right.set(digest, storedAtMs),
    proving: new Map(),
  };
}
