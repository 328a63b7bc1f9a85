// Which stored blobs this node has hashed lately, and which of them it doubts. It remembers only so many.
import type { BlobRecord } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import { createRecent, createSingleFlight, type SingleFlight } from '@cistern/runtime';
import { createContentCache } from '../objects/content-cache.ts';

export interface StoredProof {
  /** Set if the blob is right. */
  readonly record?: BlobRecord;
  /** Set if it is right and has one chunk at most. */
  readonly bytes?: Buffer | undefined;
  /** Whether it was not what its digest says. Otherwise, without a record, it is gone. */
  readonly isSetAside: boolean;
}

/** An object of the store, and not one that has come in its place since. */
type StoredObject = Pick<BlobRecord, 'digest' | 'storedAtMs'>;

export type ReadChecks = ReturnType<typeof createReadChecks>;

const rightForMs = 600_000;
const setAsideOnceInMs = 600_000;
const piecesBytes = 8 * 1024 * 1024;
/** Each takes about 150 bytes. */
const maxRemembered = 4096;

export function createReadChecks({ now }: { readonly now: () => number }) {
  const options = { max: maxRemembered, now };
  const right = createRecent<Digest, number>({ ...options, ttlMs: rightForMs });
  const setAside = createRecent<Digest, number>({ ...options, ttlMs: setAsideOnceInMs });
  const doubted = createRecent<Digest, true>(options);
  const proving: SingleFlight<StoredProof> = createSingleFlight();
  return {
    /** Whether the object was hashed here, and was right, within the last ten minutes. */
    isRight: ({ digest, storedAtMs }: StoredObject): boolean => right.get(digest) === storedAtMs,
    noteRight({ digest, storedAtMs }: StoredObject): void {
      right.set(digest, storedAtMs);
      setAside.delete(digest);
    },
    /** The object was read wrong once, and right after that: the next reads are checked again. */
    doubt({ digest }: Pick<StoredObject, 'digest'>): void {
      right.delete(digest);
      doubted.set(digest, true);
    },
    /** Whether the digest was doubted since the last call. */
    takeDoubt: (digest: Digest): boolean => doubted.delete(digest),
    /**
     * Whether readers have set aside another object under this digest within the last ten minutes, and none was read right since. A
     * store that gives wrong bytes of right objects would be emptied otherwise, and cost a fetch at each read.
     */
    wasSetAside(digest: Digest, storedAtMs: number | undefined): boolean {
      const earlier = setAside.get(digest);
      // Two readers may find the same object wrong at the same time.
      return earlier !== undefined && earlier !== storedAtMs;
    },
    noteSetAside: (digest: Digest, storedAtMs = -1): void => setAside.set(digest, storedAtMs),
    /** Readers that need the same object hashed wait for the same reading, which ends when the last of them has left. */
    proving,
    /** Hashed blobs of one chunk at most, for the ranges of them. */
    pieces: createContentCache<{ readonly bytes: Buffer }>(piecesBytes),
  };
}
