// The store is the truth: every blob and manifest by digest, and small named objects beside them. "Not found" is a
// value (`undefined` or `false`); any other failure is a CacheError `store-unavailable` and never a miss.
import type { CacheError } from '@cistern/errors';
import type { ByteRange, Digest } from '@cistern/oci';
import type { DiskSpace } from './read-disk-space.ts';

interface BlobStat {
  /** Bytes. */
  readonly size: number;
}

export interface StoredBlob extends BlobStat {
  readonly digest: Digest;
  readonly modifiedAtMs: number;
}

/** Sequential reading of one blob or one range of it. Not for concurrent `read`s. The opener closes it. */
export interface BlobReader {
  /** Size of the whole blob in bytes, whatever the range. */
  readonly size: number;
  /** First byte this reader delivers. */
  readonly start: number;
  /** One past the last byte this reader delivers. */
  readonly endExclusive: number;
  /**
   * Fills `into` from its start with the next bytes and returns how many (at least 1), or 0 once everything has been
   * delivered. Never 0 early: a blob that ends before `endExclusive` throws `store-unavailable`. An empty `into` throws
   * `RangeError`. Once this has settled, nothing writes to `into` any more.
   */
  read(into: Uint8Array): Promise<number>;
  /** Releases the file or connection; idempotent; a pending `read` rejects. */
  close(): Promise<void>;
}

/** The bytes of one segment or of a small blob. All of them are at hand: a body that waits for its bytes holds up other blobs. */
export interface BlobBody {
  /** Bytes that `open` gives: one that gives more or fewer is refused with `RangeError`. */
  readonly length: number;
  /** SHA-256 in hex, where it is known. A store that `wantsSha256` reads the body once more for it if it is absent. */
  readonly sha256?: string | undefined;
  /** A new stream of the bytes for each try, in chunks that do not change. The store ends it (`return` of its iterator). */
  open(): AsyncIterable<Uint8Array>;
}

export interface BlobUploadOptions {
  /** Bytes of the whole blob. */
  readonly size: number;
  /** Bytes of every segment but the last, which has the rest. S3 wants 5 MiB at least, and 10,000 segments at most. */
  readonly segmentBytes: number;
  /** Id of an upload of the same blob in the same segments that is to go on, perhaps of another process. Unset means a new one. */
  readonly resume?: string | undefined;
}

/** One blob on its way in, in segments. Nothing is visible to any reader before `complete` resolves. */
export interface BlobUpload {
  /** Another process goes on with the upload by it. It differs from `resume` where that upload is gone or cannot go on: this is a new one. */
  readonly id: string;
  /**
   * The store names the bytes of each stored segment, those of an earlier process included. Other bytes have another tag. They are not
   * verified. Empty means that no other process can go on with the upload.
   */
  readonly tags: ReadonlyMap<number, string>;
  /**
   * Stores segment `number` (from 0) durably, in any order, several at once; the same one again replaces it. Retries what may pass.
   * Rejects with `store-unavailable`, with the error of `body` itself, or at once with the reason of `signal`; the body is not
   * read any more then. `RangeError` for a segment that the blob does not have, or of another length. An upload that
   * another process has ended takes no more segments: begin a new one.
   */
  put(number: number, body: BlobBody, signal?: AbortSignal): Promise<void>;
  /**
   * Makes the blob visible, durably and atomically. The caller has put all segments, and verified the bytes. Rejects if another process
   * has replaced a segment by other bytes. If the blob exists already this succeeds too. May be called again, after it has rejected as well as after it has resolved.
   */
  complete(): Promise<void>;
  /** Ends what is under way and drops everything; idempotent; harmless after `complete`. */
  abort(): Promise<void>;
  /** Ends what is under way, and leaves what is stored to the process that goes on with it, or to the sweeper. */
  leave(): Promise<void>;
}

export interface BlobStore {
  /** `undefined`: not there. */
  stat(digest: Digest): Promise<BlobStat | undefined>;
  /** `undefined`: not there. The range must lie inside the blob, else CacheError `range-unsatisfiable`. */
  open(digest: Digest, range?: ByteRange): Promise<BlobReader | undefined>;
  /** Whether it needs the SHA-256 of each body: S3 over plain HTTP, which signs it. */
  readonly wantsSha256?: boolean;
  /**
   * Makes a blob of one segment visible, durably and atomically. The caller has verified it. If the blob exists already this succeeds
   * too, and one that was cut short is whole again. Retries and rejects as `BlobUpload.put`; then nothing of it is left, but it may
   * be visible where an answer was lost.
   */
  put(digest: Digest, body: BlobBody, signal?: AbortSignal): Promise<void>;
  /** For a blob of more than one segment. The caller ends it with `complete`, `abort` or `leave`. */
  beginUpload(digest: Digest, options: BlobUploadOptions): Promise<BlobUpload>;
  /** True if there was something to remove. */
  remove(digest: Digest): Promise<boolean>;
  /**
   * Removes many blobs in few calls; one that is not there counts as removed. Returns those that the store did not remove, each with
   * its `store-unavailable`. Rejects with that error where the store was not reached: then some may be gone.
   */
  removeAll(digests: readonly Digest[]): Promise<ReadonlyMap<Digest, CacheError>>;
  /**
   * Every committed blob, in no particular order; with `shard`, two hexadecimal digits, those alone whose digest begins with
   * them.
   */
  list(shard?: string): AsyncIterable<StoredBlob>;
  /**
   * Moves a blob that is not what its digest says out of everybody's way, to `quarantineKey(digest, atMs)`. False: it is not
   * there any more. What the store cannot move, because of its size, it removes.
   */
  quarantine(digest: Digest, atMs: number): Promise<boolean>;

  /**
   * Where fills should spool so that a finished file becomes the blob by a rename; absent for stores without a local
   * filesystem. Together with `adoptFile`.
   */
  readonly spoolDirectory?: string;
  /**
   * Moves a complete, verified file of `spoolDirectory` into place, durably and atomically (fsync of file and
   * directory). If the blob exists already this succeeds too, and the file is gone from the spool. After it has rejected the
   * same call may be made again. `TypeError` for a file that lies elsewhere.
   */
  adoptFile?(digest: Digest, path: string): Promise<void>;

  /**
   * A URL under which anybody may read the blob for `expiresMs` (a second or more), with `Range` or without; absent for
   * stores that clients cannot reach. Does not look whether the blob is there.
   */
  presign?(digest: Digest, options: { readonly expiresMs: number }): Promise<string>;

  /**
   * Ends the uploads that were begun longer ago, but for those of blobs that `isFetched`, and those that this process has used since.
   * Returns how many. Absent for stores whose unfinished blobs go by themselves.
   */
  sweepUploads?(olderThanMs: number, isFetched?: (digest: Digest) => Promise<boolean>): Promise<number>;

  /**
   * Of the file system that holds the store, now; absent for stores without one of their own. `undefined` where the file system
   * does not report its size.
   */
  space?(): Promise<DiskSpace | undefined>;

  /**
   * Small named objects: at most 4 MiB, else `RangeError`. Keys are `/`-separated relative paths; `TypeError` for a key
   * that could escape the root (`..`, absolute, empty parts, backslashes, control characters).
   */
  readObject(key: string): Promise<Uint8Array | undefined>;
  /** Atomic and durable; replaces. */
  writeObject(key: string, bytes: Uint8Array): Promise<void>;
  removeObject(key: string): Promise<boolean>;
  /** Keys that begin with `prefix` (which ends with `/`), in no particular order. */
  listObjects(prefix: string): AsyncIterable<string>;

  /** Rejects with `store-unavailable` if the store cannot be written and read now; used by health checks. */
  check(): Promise<void>;
  close(): Promise<void>;
}
