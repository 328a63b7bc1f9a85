// Types of the conformance suite: the store under test, and functions that damage it. The test file of each store
// provides them.
import type { TestContext } from 'node:test';
import type { Digest } from '@cistern/oci';
import type { BlobStore } from '../blob-store.ts';

interface BlobStoreUnderTest {
  /** The store under test. It is empty at the start of a case. */
  readonly store: BlobStore;
  /** Opens another store with the same data, as after a restart or on a second node. */
  readonly reopen: () => Promise<BlobStore>;
  /** Truncates the stored bytes of a blob without the store. */
  readonly truncate: (digest: Digest, size: number) => Promise<void>;
  /** Makes the disk or the S3 server unusable for the rest of the case. */
  readonly fail: () => Promise<void>;
}

/** Opens a new, empty store, which is closed by `t.after`. */
export type OpenBlobStoreUnderTest = (t: TestContext) => Promise<BlobStoreUnderTest>;

/** Cases of the suite, by their titles. */
export type BlobStoreCases = Readonly<Record<string, (tested: BlobStoreUnderTest) => Promise<void>>>;
