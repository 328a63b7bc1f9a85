// The index: tags, manifests, blobs, links and fills in flight. It can be rebuilt from the store. Every method rejects
// with CacheError `index-unavailable` when the index cannot answer; "not found" is a value.
import type { PubSub } from './pubsub.ts';
import type { AuditIndex } from './audit.ts';
import type { BlobIndex } from './blobs.ts';
import type { EpochIndex } from './epoch.ts';
import type { FillIndex } from './fills.ts';
import type { LeaseIndex } from './leases.ts';
import type { LinkIndex } from './links.ts';
import type { ManifestIndex } from './manifests.ts';
import type { NodeIndex } from './nodes.ts';
import type { PopularityIndex } from './popularity.ts';
import type { TagIndex } from './tags.ts';
import type { ValueIndex } from './values.ts';

export interface CacheIndex {
  readonly tags: TagIndex;
  readonly manifests: ManifestIndex;
  readonly blobs: BlobIndex;
  readonly links: LinkIndex;
  readonly fills: FillIndex;
  readonly leases: LeaseIndex;
  readonly values: ValueIndex;
  readonly popularity: PopularityIndex;
  readonly nodes: NodeIndex;
  readonly audit: AuditIndex;
  readonly epoch: EpochIndex;
  readonly pubsub: PubSub;
  /** Rejects with `index-unavailable` if the index cannot answer now; used by health checks. */
  check(): Promise<void>;
  close(): Promise<void>;
}
