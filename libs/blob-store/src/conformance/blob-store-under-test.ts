// The store and means to damage it, as an adapter's test gives them to the conformance suite.
import type { TestContext } from 'node:test';
import type { Digest } from '@cistern/oci';
import type { BlobStore } from '../blob-store.ts';

interface BlobStoreUnderTest {
  /** The store under test, empty at first. */
  readonly store: BlobStore;
  /** Opens another store on the same data, like a restart or a second node. */
  readonly reopen: () => Promise<BlobStore>;
  /** Truncates the stored bytes of a blob, bypassing the store. */
  readonly truncate: (digest: Digest, size: number) => Promise<void>;
  /** Makes the disk or server unusable from now on. */
  readonly fail: () => Promise<void>;
}

/** Opens a fresh store. It releases its resources through `t.after`. */
export type OpenBlobStoreUnderTest = (t: TestContext) => Promise<BlobStoreUnderTest>;

/** Cases of the suite, by title. */
export type BlobStoreCases = Readonly<Record<string, (tested: BlobStoreUnderTest) => Promise<void>>>;
