// The store is the truth: every blob and manifest by digest, and small named objects. "Not found" is a value
// (`undefined` or `false`). Any other failure is a CacheError `store-unavailable`, never a miss.
import type { CacheError } from '@cistern/errors';
import type { ByteRange, Digest } from '@cistern/oci';
import type { DiskSpace } from './read-disk-space.ts';

interface BlobStat {
  /** Size in bytes. */
  readonly size: number;
}

export interface StoredBlob extends BlobStat {
  readonly digest: Digest;
  readonly modifiedAtMs: number;
}

/**
 * Reads one blob, or one range of it, sequentially. Concurrent calls of `read` are not allowed. The opener closes it.
 */
export interface BlobReader {
  /** Size of the whole blob in bytes, regardless of the range. */
  readonly size: number;
  /** First byte this reader delivers. */
  readonly start: number;
  /** One past the last byte this reader delivers. */
  readonly endExclusive: number;
  /**
   * Fills `into` from its start with the next bytes and returns their number (at least 1), or 0 at the end. A blob that
   * ends before `endExclusive` throws `store-unavailable` instead of returning 0. An empty `into` throws `RangeError`.
   * Once the promise has settled, nothing writes to `into`.
   */
  read(into: Uint8Array): Promise<number>;
  /** Releases the file or connection. Idempotent; a pending `read` rejects. */
  close(): Promise<void>;
}

/**
 * The bytes of one segment or of a small blob. All bytes must be available: a body that waits for its bytes delays
 * other blobs.
 */
export interface BlobBody {
  /** Number of bytes that `open` yields. A body that yields more or fewer is rejected with `RangeError`. */
  readonly length: number;
  /**
   * SHA-256 in hex, if it is known. Without it, a store that `wantsSha256` reads the body one more time to compute it.
   */
  readonly sha256?: string | undefined;
  /**
   * Opens a new stream of the bytes for each attempt, in chunks that do not change. The store ends it with `return` of
   * its iterator.
   */
  open(): AsyncIterable<Uint8Array>;
}

export interface BlobUploadOptions {
  /** Size of the whole blob in bytes. */
  readonly size: number;
  /**
   * Size in bytes of every segment except the last, which may be shorter. S3 requires at least 5 MiB, and at most
   * 10,000 segments.
   */
  readonly segmentBytes: number;
  /**
   * Id of an earlier upload to resume, of the same blob in the same segments, perhaps by another process. Unset means a
   * new upload.
   */
  readonly resume?: string | undefined;
}

/** Uploads one blob in segments. No reader sees it before `complete` resolves. */
export interface BlobUpload {
  /**
   * Lets another process resume the upload. It differs from `resume` if that upload is gone or cannot be resumed; this
   * is then a new upload.
   */
  readonly id: string;
  /**
   * The store's tag for the bytes of each stored segment, including segments of an earlier process. Different bytes
   * have different tags. The bytes are not verified. Empty means that no other process can resume the upload.
   */
  readonly tags: ReadonlyMap<number, string>;
  /**
   * Stores segment `number` (from 0) durably. Segments may come in any order and concurrently; a repeated segment
   * replaces the earlier one. Retries temporary failures.
   * Rejects with `store-unavailable`, with the error of `body` itself, or immediately with the reason of `signal`; the
   * body is not read afterwards. Rejects with `RangeError` for a segment outside the blob or of the wrong length. An
   * upload that another process has ended accepts no more segments: begin a new one.
   */
  put(number: number, body: BlobBody, signal?: AbortSignal): Promise<void>;
  /**
   * Makes the blob visible, durably and atomically. The caller has put all segments and verified the bytes. Rejects if
   * another process has replaced a segment by different bytes. Succeeds if the blob already exists. May be called
   * again, after a rejection or a success.
   */
  complete(): Promise<void>;
  /** Aborts running calls and drops all segments. Idempotent; has no effect after `complete`. */
  abort(): Promise<void>;
  /** Aborts running calls and keeps the stored segments, for the process that resumes the upload or for the sweeper. */
  leave(): Promise<void>;
}

export interface BlobStore {
  /** Returns `undefined` if the blob does not exist. */
  stat(digest: Digest): Promise<BlobStat | undefined>;
  /**
   * Returns `undefined` if the blob does not exist. A range that is not inside the blob rejects with CacheError
   * `range-unsatisfiable`.
   */
  open(digest: Digest, range?: ByteRange): Promise<BlobReader | undefined>;
  /** Whether the store needs the SHA-256 of each body, as S3 over plain HTTP does to sign it. */
  readonly wantsSha256?: boolean;
  /**
   * Stores a blob of one segment and makes it visible, durably and atomically. The caller has verified it. Succeeds if
   * the blob already exists, and repairs a truncated one. Retries and rejects like `BlobUpload.put`. After a rejection
   * no partial blob remains, but the blob may be visible if a response was lost.
   */
  put(digest: Digest, body: BlobBody, signal?: AbortSignal): Promise<void>;
  /** Starts the upload of a blob of several segments. The caller ends it with `complete`, `abort` or `leave`. */
  beginUpload(digest: Digest, options: BlobUploadOptions): Promise<BlobUpload>;
  /** Removes the blob. Returns true if it existed. */
  remove(digest: Digest): Promise<boolean>;
  /**
   * Removes many blobs in few calls; an absent blob counts as removed. Returns those that the store did not remove,
   * each with its `store-unavailable`. Rejects with that error if the store was unreachable; some blobs may then be
   * removed.
   */
  removeAll(digests: readonly Digest[]): Promise<ReadonlyMap<Digest, CacheError>>;
  /**
   * Iterates over every committed blob, in no particular order. `shard`, two hexadecimal digits, limits it to digests
   * that begin with them.
   */
  list(shard?: string): AsyncIterable<StoredBlob>;
  /**
   * Moves a blob whose bytes do not match its digest to `quarantineKey(digest, atMs)`. Returns false if it no longer
   * exists. The store removes a blob that is too large to move.
   */
  quarantine(digest: Digest, atMs: number): Promise<boolean>;

  /**
   * Directory in which fills should spool, so that a rename turns a finished file into the blob. Only stores on a local
   * file system have it, together with `adoptFile`.
   */
  readonly spoolDirectory?: string;
  /**
   * Moves a complete, verified file of `spoolDirectory` into place, durably and atomically (fsync of file and
   * directory). If the blob already exists, it succeeds and removes the file. After a rejection the same call may be
   * repeated. Rejects with `TypeError` for a file elsewhere.
   */
  adoptFile?(digest: Digest, path: string): Promise<void>;

  /**
   * Returns a URL that gives anyone read access to the blob for `expiresMs` (a second or more), with or without
   * `Range`. Absent for stores that clients cannot reach. Does not check that the blob exists.
   */
  presign?(digest: Digest, options: { readonly expiresMs: number }): Promise<string>;

  /**
   * Ends uploads that are older, except uploads of blobs that `isFetched`, and uploads that this process has used
   * since. Returns their number. Absent for stores that remove unfinished uploads automatically.
   */
  sweepUploads?(olderThanMs: number, isFetched?: (digest: Digest) => Promise<boolean>): Promise<number>;

  /**
   * Returns the current space of the store's file system, or `undefined` if the file system does not report its size.
   * Absent for stores without a file system of their own.
   */
  space?(): Promise<DiskSpace | undefined>;

  /**
   * Reads a small named object: at most 4 MiB, else `RangeError`. Keys are `/`-separated relative paths. A key that
   * could escape the root throws `TypeError` (`..`, absolute, empty parts, backslashes, control characters).
   */
  readObject(key: string): Promise<Uint8Array | undefined>;
  /** Writes or replaces an object, atomically and durably. */
  writeObject(key: string, bytes: Uint8Array): Promise<void>;
  removeObject(key: string): Promise<boolean>;
  /** Iterates over keys that begin with `prefix` (which ends with `/`), in no particular order. */
  listObjects(prefix: string): AsyncIterable<string>;

  /** Rejects with `store-unavailable` if the store cannot be written and read now. Health checks use it. */
  check(): Promise<void>;
  close(): Promise<void>;
}
