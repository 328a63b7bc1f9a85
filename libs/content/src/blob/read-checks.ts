// Which stored blobs are hashed again while they are sent. A client that reads a blob whole twice within a minute may not have
// liked the first answer: docker does that after a wrong digest. Each node remembers its own clients, and only so many.
import { hash } from 'node:crypto';
import type { BlobRecord } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import { createSingleFlight, type SingleFlight, createRecent } from '@cistern/runtime';
import { type ContentCache, createContentCache } from '../objects/content-cache.ts';
import type { StoredProof } from './hash-stored.ts';

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
  /** The object was read wrong once, and right after that: the next reads are checked again. */
  doubt(object: Pick<StoredObject, 'digest'>): void;
  /** Whether the digest was doubted since the last call. */
  takeDoubt(digest: Digest): boolean;
  /**
   * Whether readers have set aside another object under this digest within the last ten minutes, and none was read right since. A
   * store that gives wrong bytes of right objects would be emptied otherwise, and cost a fetch at each read.
   */
  wasSetAside(digest: Digest, storedAtMs: number | undefined): boolean;
  noteSetAside(digest: Digest, storedAtMs: number | undefined): void;
  /** Readers that need the same object hashed wait for the same reading, which ends when the last of them has left. */
  readonly proving: SingleFlight<StoredProof>;
  /** Hashed blobs of one chunk at most, for the ranges of them. */
  readonly pieces: ContentCache<{ readonly bytes: Buffer }>;
}

const repeatWithinMs = 60_000;
const rightForMs = 600_000;
const setAsideOnceInMs = 600_000;
const piecesBytes = 8 * 1024 * 1024;
/** Of about 150 bytes each. */
const maxRemembered = 4096;

export function createReadChecks({ now }: { readonly now: () => number }): ReadChecks {
  const options = { max: maxRemembered, now };
  const reads = createRecent<string, true>({ ...options, ttlMs: repeatWithinMs });
  const right = createRecent<Digest, number>({ ...options, ttlMs: rightForMs });
  const setAside = createRecent<Digest, number>({ ...options, ttlMs: setAsideOnceInMs });
  const doubted = createRecent<Digest, true>(options);
  const isRight = ({ digest, storedAtMs }: StoredObject) => right.get(digest) === storedAtMs;
  return {
    isDue(client, object) {
      const key = hash('sha256', `${client} ${object.digest}`, 'base64');
      const isRepeated = reads.has(key);
      reads.set(key, true);
      return isRepeated && !isRight(object);
    },
    isRight,
    noteRight({ digest, storedAtMs }) {
      right.set(digest, storedAtMs);
      setAside.delete(digest);
    },
    doubt({ digest }) {
      right.delete(digest);
      doubted.set(digest, true);
    },
    takeDoubt: (digest) => doubted.delete(digest),
    wasSetAside(digest, storedAtMs) {
      const earlier = setAside.get(digest);
      // Two readers may find the same object wrong at the same time.
      return earlier !== undefined && earlier !== storedAtMs;
    },
    noteSetAside: (digest, storedAtMs = -1) => setAside.set(digest, storedAtMs),
    proving: createSingleFlight(),
    pieces: createContentCache(piecesBytes),
  };
}
