// Remembers which stored blobs this node recently verified or set aside. The number is limited.
import type { BlobRecord } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import { createRecent, createSingleFlight, type SingleFlight } from '@cistern/runtime';
import { createContentCache } from '../objects/content-cache.ts';

export interface StoredProof {
  /** Set if the blob is right. */
  readonly record?: BlobRecord;
  /** Set if the blob is right and not larger than a chunk. */
  readonly bytes?: Buffer | undefined;
  /**
   * True if the blob was wrong and has been set aside. If it is false and `record` is unset, the store does not have the blob,
   * or a new object replaces it.
   */
  readonly isSetAside: boolean;
}

/** Identifies a stored object. An object that replaces it later has another `storedAtMs`. */
type StoredObject = Pick<BlobRecord, 'digest' | 'storedAtMs'>;

export type ReadChecks = ReturnType<typeof createReadChecks>;

const rightForMs = 86_400_000;
/**
 * The most verified blobs that are remembered. Each takes about 150 bytes. If there are more blobs, some are checked again
 * before a day has passed.
 */
const maxRight = 32_768;
const setAsideOnceInMs = 600_000;
const maxSetAside = 4096;
const piecesBytes = 24 * 1024 * 1024;

export function createReadChecks({ now }: { readonly now: () => number }) {
  const right = createRecent<Digest, { readonly storedAtMs: number; readonly atMs: number }>({
    max: maxRight,
    ttlMs: rightForMs,
    now,
  });
  const setAside = createRecent<Digest, number>({ max: maxSetAside, ttlMs: setAsideOnceInMs, now });
  const proving: SingleFlight<StoredProof> = createSingleFlight();
  return {
    /** Returns whether this node has not verified the object within a day. */
    isDue: ({ digest, storedAtMs }: StoredObject): boolean => right.get(digest)?.storedAtMs !== storedAtMs,
    /** Returns whether this node has verified the object within the last `withinMs` milliseconds. */
    isJustRight({ digest, storedAtMs }: StoredObject, withinMs: number): boolean {
      const found = right.get(digest);
      return found?.storedAtMs === storedAtMs && now() - found.atMs <= withinMs;
    },
    noteRight({ digest, storedAtMs }: StoredObject): void {
      right.set(digest, { storedAtMs, atMs: now() });
      setAside.delete(digest);
    },
    /** Notes a wrong read, so that the next whole read of the blob is checked. */
    noteWrong: (digest: Digest): boolean => right.delete(digest),
    /**
     * Returns whether this node set aside another object of this digest within the last ten minutes and found none right since.
     * If such an object were set aside too, a bad connection to the store would empty the store, with a fetch for each read.
     */
    wasSetAside(digest: Digest, storedAtMs: number | undefined): boolean {
      const earlier = setAside.get(digest);
      // The same object does not count, because two readers may find it wrong at the same time.
      return earlier !== undefined && earlier !== storedAtMs;
    },
    noteSetAside: (digest: Digest, storedAtMs = -1): void => setAside.set(digest, storedAtMs),
    /** Runs one hashing of an object for all readers that wait for it. The hashing stops when no reader waits. */
    proving,
    /** The bytes of verified blobs that are not larger than a chunk. */
    pieces: createContentCache<{ readonly bytes: Buffer }>(piecesBytes),
  };
}
