// Remembers a limited number of stored blobs that this node recently verified or set aside.
import type { BlobRecord } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import { createRecent, createSingleFlight, type SingleFlight } from '@cistern/runtime';
import { createContentCache } from '../objects/content-cache.ts';

export interface StoredProof {
  /** Set if the blob is right. */
  readonly record?: BlobRecord;
  /** Set if the blob is right and at most one chunk. */
  readonly bytes?: Buffer | undefined;
  /** Whether the blob was wrong and set aside. If false and without a record, the blob is gone. */
  readonly isSetAside: boolean;
}

/** Identifies an object of the store, as opposed to one that replaced it later. */
type StoredObject = Pick<BlobRecord, 'digest' | 'storedAtMs'>;

export type ReadChecks = ReturnType<typeof createReadChecks>;

const rightForMs = 86_400_000;
const justNowMs = 60_000;
/** Each takes about 150 bytes. With more blobs than this, some are checked again sooner. */
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
    /** Returns whether this node has verified the object within the last minute. */
    isJustRight({ digest, storedAtMs }: StoredObject): boolean {
      const found = right.get(digest);
      return found?.storedAtMs === storedAtMs && now() - found.atMs <= justNowMs;
    },
    noteRight({ digest, storedAtMs }: StoredObject): void {
      right.set(digest, { storedAtMs, atMs: now() });
      setAside.delete(digest);
    },
    /** Notes a wrong read, perhaps the only one, so that the next whole read is checked. */
    noteWrong: (digest: Digest): boolean => right.delete(digest),
    /**
     * Returns whether readers set aside another object of this digest within the last ten minutes, and none was right since.
     * Otherwise a bad connection to the store would empty the store, with a fetch for each read.
     */
    wasSetAside(digest: Digest, storedAtMs: number | undefined): boolean {
      const earlier = setAside.get(digest);
      // Two readers may find the same object wrong at the same time.
      return earlier !== undefined && earlier !== storedAtMs;
    },
    noteSetAside: (digest: Digest, storedAtMs = -1): void => setAside.set(digest, storedAtMs),
    /** Shares one hashing of an object between its readers. It stops when the last of them has left. */
    proving,
    /** Hashed blobs of at most one chunk. */
    pieces: createContentCache<{ readonly bytes: Buffer }>(piecesBytes),
  };
}
