// Manifest records: what is needed to answer a HEAD without reading the manifest. The bytes are in the store.
import type { Digest } from '@cistern/oci';

export interface ManifestRecord {
  readonly schema: 1;
  readonly digest: Digest;
  readonly mediaType: string;
  /** Bytes. */
  readonly size: number;
  readonly storedAtMs: number;
}

export interface ManifestIndex {
  get(digest: Digest): Promise<ManifestRecord | undefined>;
  put(record: ManifestRecord): Promise<void>;
  remove(digest: Digest): Promise<boolean>;
}
