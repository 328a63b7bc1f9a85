// The store is the authoritative copy of all content: blobs and manifests by digest, and small named objects. Its
// methods return `undefined` or `false` for absent content. A failure of the store is a CacheError `store-unavailable`,
// never a miss.
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
 * Reads one blob, or one range of it, sequentially. Concurrent calls of `read` are not allowed. The caller that opened
 * the reader closes it.
 */
export interface BlobReader {
  /** Size of the whole blob in bytes, regardless of the range. */
  readonly size: number;
  /** Offset in the blob of the first byte that this reader delivers. */
  readonly start: number;
  /** Offset in the blob after the last byte that this reader delivers. */
  readonly endExclusive: number;
  /**
   * Fills `into` from its start with the next bytes and returns their number (at least 1), or 0 at the end. Rejects
   * with `store-unavailable` if the blob ends before `endExclusive`, and with `RangeError` if `into` is empty. After
   * the promise has settled, the reader does not write to `into` any more.
   */
  read(into: Uint8Array): Promise<number>;
  /** Releases the file or connection. Idempotent; a pending `read` rejects. */
  close(): Promise<void>;
}

/**
 * The bytes of one segment or of a small blob. All bytes must be available, because a body that waits for its bytes
 * delays other blobs.
 */
export interface BlobBody {
  /** Number of bytes that `open` yields. A body that yields more or fewer is rejected with `RangeError`. */
  readonly length: number;
  /**
   * SHA-256 of the bytes in hex. Unset means unknown; a store with `wantsSha256` then reads the body one more time to
   * compute it.
   */
  readonly sha256?: string | undefined;
  /**
   * Opens a new stream of the bytes. The store calls `open` for each attempt, and ends the stream by `return` of its
   * iterator. The chunks must not change afterwards.
   */
  open(): AsyncIterable<Uint8Array>;
}

export interface BlobUploadOptions {
  /** Size of the whole blob in bytes. */
  readonly size: number;
  /**
   * Size in bytes of every segment except the last, which may be shorter. S3 requires segments of at least 5 MiB, and
   * allows at most 10,000 segments.
   */
  readonly segmentBytes: number;
  /**
   * Id of an earlier upload to resume. Another process may have begun it, with the same blob, `size` and
   * `segmentBytes`. Unset means a new upload.
   */
  readonly resume?: string | undefined;
}

/** Uploads one blob in segments. Readers see the blob only after `complete`. */
export interface BlobUpload {
  /**
   * The id with which another process can resume this upload. It differs from `resume` if the earlier upload no longer
   * exists or cannot be resumed, because this is then a new upload.
   */
  readonly id: string;
  /**
   * The tag that the store gave to the bytes of each stored segment, by segment number. Includes segments that an
   * earlier process stored. Different bytes have different tags. The bytes of these segments are not verified. The map
   * stays empty if no other process can resume the upload.
   */
  readonly tags: ReadonlyMap<number, string>;
  /**
   * Stores segment `number` (from 0) durably. Segments may arrive in any order and concurrently; a repeated segment
   * replaces the earlier one. Retries temporary failures. Rejects with `store-unavailable`, with the error of `body`
   * itself, or immediately with the reason of `signal`; the body is not read afterwards. Rejects with `RangeError` for
   * a segment outside the blob or of the wrong length. If another process has completed or aborted the upload, no more
   * segments can be stored, so the caller must begin a new upload.
   */
  put(number: number, body: BlobBody, signal?: AbortSignal): Promise<void>;
  /**
   * Makes the blob visible, durably and atomically. Before the call, the caller must have put all segments and verified
   * the bytes. Rejects if another process has replaced a segment by different bytes. Succeeds if the blob already
   * exists. The caller may repeat the call after a rejection or a success.
   */
  complete(): Promise<void>;
  /** Aborts running calls and removes all segments. Idempotent; has no effect after `complete`. */
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
  /** True if the store needs the SHA-256 of each body. S3 over plain HTTP needs it to sign the request. */
  readonly wantsSha256?: boolean;
  /**
   * Stores a blob of one segment and makes it visible, durably and atomically. The caller must have verified the bytes.
   * Succeeds if the blob already exists, and replaces a truncated blob. Retries and rejects like `BlobUpload.put`.
   * After a rejection no partial blob is visible. The whole blob may be visible, if only the response was lost.
   */
  put(digest: Digest, body: BlobBody, signal?: AbortSignal): Promise<void>;
  /** Starts the upload of a blob of several segments. The caller ends it with `complete`, `abort` or `leave`. */
  beginUpload(digest: Digest, options: BlobUploadOptions): Promise<BlobUpload>;
  /** Removes the blob. Returns true if it existed. */
  remove(digest: Digest): Promise<boolean>;
  /**
   * Removes many blobs in few calls. An absent blob counts as removed. Returns the blobs that the store did not remove,
   * each with its error `store-unavailable`. Rejects with this error if the store was unreachable; some of the blobs
   * may already be removed then.
   */
  removeAll(digests: readonly Digest[]): Promise<ReadonlyMap<Digest, CacheError>>;
  /**
   * Iterates over all committed blobs, in no particular order. `shard` is two hexadecimal digits; if it is set, `list`
   * yields only digests that begin with them.
   */
  list(shard?: string): AsyncIterable<StoredBlob>;
  /**
   * Moves a blob whose bytes do not match its digest to `quarantineKey(digest, atMs)`. Returns false if it no longer
   * exists. A blob that cannot be moved is removed, for example because it is too large.
   */
  quarantine(digest: Digest, atMs: number): Promise<boolean>;

  /**
   * Directory in which fills should spool, so that a rename turns a finished file into the blob. Only stores on a local
   * file system have this property; they also have `adoptFile`.
   */
  readonly spoolDirectory?: string;
  /**
   * Turns a complete, verified file of `spoolDirectory` into the blob, durably and atomically (rename, and fsync of
   * file and directory). An existing blob is replaced. The caller may repeat the call after a rejection. Rejects with
   * `TypeError` if the file is not in `spoolDirectory`.
   */
  adoptFile?(digest: Digest, path: string): Promise<void>;

  /**
   * Returns a URL that gives anyone read access to the blob for `expiresMs` (a second or more), with or without
   * `Range`. Does not check that the blob exists. Unset for stores that clients cannot reach.
   */
  presign?(digest: Digest, options: { readonly expiresMs: number }): Promise<string>;

  /**
   * Aborts unfinished uploads that began more than `olderThanMs` ago, and returns their number. Keeps an upload if this
   * process has used it within that time, or if `isFetched` resolves to true for its blob. Unset for stores that remove
   * unfinished uploads automatically.
   */
  sweepUploads?(olderThanMs: number, isFetched?: (digest: Digest) => Promise<boolean>): Promise<number>;

  /**
   * Returns the current space of the store's file system, or `undefined` if the file system does not report its size.
   * Unset for stores without a file system of their own.
   */
  space?(): Promise<DiskSpace | undefined>;

  /**
   * Reads a small named object. Rejects with `RangeError` if the object is larger than 4 MiB. Keys are relative paths
   * with `/` as separator. A key that could leave the root is a `TypeError` (`..`, absolute paths, empty parts,
   * backslashes, control characters).
   */
  readObject(key: string): Promise<Uint8Array | undefined>;
  /** Writes or replaces an object, atomically and durably. */
  writeObject(key: string, bytes: Uint8Array): Promise<void>;
  removeObject(key: string): Promise<boolean>;
  /** Iterates over keys that begin with `prefix` (which ends with `/`), in no particular order. */
  listObjects(prefix: string): AsyncIterable<string>;

  /** Writes and reads the store for a health check. Rejects with `store-unavailable` if this fails. */
  check(): Promise<void>;
  close(): Promise<void>;
}
