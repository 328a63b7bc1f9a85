// What an adapter's test hands to the conformance suite: the store and the means to harm it.
import type { TestContext } from 'node:test';
import type { Digest } from '@cistern/oci';
import type { BlobStore } from '../blob-store.ts';

interface BlobStoreUnderTest {
  /** Empty at first. */
  readonly store: BlobStore;
  /** Another store over the same data, as the next start or a second node opens it. */
  readonly reopen: () => Promise<BlobStore>;
  /** Cuts the stored bytes of a blob short behind the store's back. */
  readonly truncate: (digest: Digest, size: number) => Promise<void>;
  /** From now on the disk or server cannot be used. */
  readonly fail: () => Promise<void>;
}

/** Opens a fresh store; whatever it needs is released through `t.after`. */
export type OpenBlobStoreUnderTest = (t: TestContext) => Promise<BlobStoreUnderTest>;

/** The suite's cases by their behaviour. */
export type BlobStoreCases = Readonly<Record<string, (tested: BlobStoreUnderTest) => Promise<void>>>;
