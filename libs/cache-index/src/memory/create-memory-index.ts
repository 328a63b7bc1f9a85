// An index in memory, for tests and for trying things out; it forgets everything when it is closed.
import { CacheError } from '@cistern/errors';
import type { CacheIndex } from '../cache-index.ts';
import type { IndexLog } from '../index-log.ts';
import { createAnnouncer } from '../in-process/create-announcer.ts';
import { createAuditTable } from '../in-process/create-audit-table.ts';
import { createFillTable } from '../in-process/create-fill-table.ts';
import { createLeaseTable } from '../in-process/create-lease-table.ts';
import { createNeverLost } from '../in-process/never-lost.ts';
import { createNodeTable } from '../in-process/create-node-table.ts';
import { createPopularity } from '../in-process/create-popularity.ts';
import { createValueTable } from '../in-process/create-value-table.ts';
import { createMemoryBlobs } from './memory-blobs.ts';
import { createMemoryLinks } from './memory-links.ts';
import { createMemoryManifests } from './memory-manifests.ts';
import { createMemoryTags } from './memory-tags.ts';

export interface MemoryIndexFaults {
  /** While true every call rejects with `index-unavailable`, as if the server were gone. */
  failing: boolean;
}

export interface MemoryIndexOptions {
  readonly now: () => number;
  readonly log?: IndexLog;
  readonly faults?: MemoryIndexFaults;
}

export function createMemoryIndex({ now, log, faults }: MemoryIndexOptions): CacheIndex {
  let closed = false;
  function checkAvailable(): void {
    if (closed) throw new CacheError('index-unavailable', 'The index is closed.');
    if (faults?.failing)
      throw new CacheError('index-unavailable', 'The memory index was told to fail.', { retryable: true });
  }

  const { blobs, table } = createMemoryBlobs(checkAvailable);
  return {
    tags: createMemoryTags(checkAvailable),
    manifests: createMemoryManifests(checkAvailable),
    blobs,
    links: createMemoryLinks(checkAvailable),
    fills: createFillTable({ now, blobs: table, checkAvailable }),
    leases: createLeaseTable({ now, checkAvailable }),
    values: createValueTable({ now, checkAvailable }),
    popularity: createPopularity({ now, checkAvailable, isAvailable: () => !closed && faults?.failing !== true }),
    nodes: createNodeTable({ now, checkAvailable }),
    audit: createAuditTable({ checkAvailable }),
    epoch: createNeverLost({
      checkAvailable,
      async isComplete() {
        checkAvailable();
        return true;
      },
      markComplete: async () => checkAvailable(),
    }),
    announcements: createAnnouncer({ log, checkAvailable }),
    async check() {
      checkAvailable();
    },
    async close() {
      closed = true;
    },
  };
}
