// Which stored blobs this node has found right lately, and which it has set aside. It remembers only so many.
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

const rightForMs = 86_400_000;
const justNowMs = 60_000;
/** Each takes about 150 bytes. Where there are more, some blobs are checked again sooner. */
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
    /** Whether the object has not been found right here within a day. */
    isDue: ({ digest, storedAtMs }: StoredObject): boolean => right.get(digest)?.storedAtMs !== storedAtMs,
    /** Whether the object has been found right here within the last minute. */
    isJustRight({ digest, storedAtMs }: StoredObject): boolean {
      const found = right.get(digest);
      return found?.storedAtMs === storedAtMs && now() - found.atMs <= justNowMs;
    },
    noteRight({ digest, storedAtMs }: StoredObject): void {
      right.set(digest, { storedAtMs, atMs: now() });
      setAside.delete(digest);
    },
    /** It was read wrong, though perhaps only once: the next whole read is checked. */
    noteWrong: (digest: Digest): boolean => right.delete(digest),
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
    /** Hashed blobs of one chunk at most. */
    pieces: createContentCache<{ readonly bytes: Buffer }>(piecesBytes),
  };
}
