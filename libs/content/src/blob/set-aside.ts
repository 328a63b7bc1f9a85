// Moves an object that does not match its digest to the quarantine, and removes it from the index. Readers and the scrub use this.
// The next fill fetches the right bytes.
import { type BlobStore, quarantinedAtMs, quarantinePrefix } from '@cistern/blob-store';
import type { BlobRecord } from '@cistern/index';
import { CacheError } from '@cistern/errors';
import type { Digest } from '@cistern/oci';
import type { Logger, Metrics } from '@cistern/telemetry';
import type { ReadChecks } from './read-checks.ts';
import type { IndexAndStore } from './stored-blob.ts';

export interface SetAsideDeps extends IndexAndStore {
  readonly log: Logger;
  readonly metrics: Pick<Metrics, 'scrubObjects'>;
  readonly now: () => number;
}

export interface SetAsideOnceDeps extends SetAsideDeps {
  readonly readChecks: ReadChecks;
  /** The least bytes of a segment in new checksum tables. Default: as in fills. */
  readonly leastSegmentBytes?: number | undefined;
}

const keepQuarantinedMs = 7 * 86_400_000;
const maxQuarantined = 32;

/**
 * Sets an object aside. `record` is its record from before the read, `undefined` if there was none. Returns false, and does nothing,
 * if the object was replaced since, or a fill replaces it. Rejects with `store-unavailable` or `index-unavailable`.
 */
export async function setAside(
  { index, store, log, metrics, now }: SetAsideDeps,
  digest: Digest,
  record: BlobRecord | undefined,
): Promise<boolean> {
  // The order matters: a fill that ends in between has recorded its blob.
  const fill = await index.fills.read(digest);
  const known = await index.blobs.get(digest, { fresh: true });
  const isReplaced = known?.storedAtMs !== record?.storedAtMs || known?.verified !== record?.verified;
  const isBeingReplaced = fill !== undefined && ['starting', 'running'].includes(fill.state);
  if (isReplaced || isBeingReplaced || known?.state === 'deleting') return false;
  if (!(await store.quarantine(digest, now()))) return false;
  log.error({ digest }, 'damaged object moved to quarantine');
  metrics.scrubObjects.inc({ kind: 'damaged' });
  await index.manifests.remove(digest);
  if (record !== undefined) await index.blobs.remove(digest, record.storedAtMs);
  await cleanQuarantine(store, now()).catch((error: unknown) => {
    log.warn({ err: error }, 'failed to clean quarantine');
  });
  return true;
}

/**
 * Works like `setAside`, for a reader that read an object wrong twice, but only once in ten minutes for each digest. If the next
 * object is read wrong too, the connection to the store damages bytes, and another fetch does not help. Rejects with
 * `content-mismatch` if this node set aside another object of the digest within that time and read none right since.
 */
export async function setAsideOnce(
  deps: SetAsideOnceDeps,
  digest: Digest,
  record: BlobRecord | undefined,
): Promise<boolean> {
  const { readChecks, log } = deps;
  if (readChecks.wasSetAside(digest, record?.storedAtMs)) {
    log.error({ digest }, 'stored object mismatched again after refetch');
    // Not `store-unavailable`, because that falls back to the upstream.
    throw new CacheError(
      'content-mismatch',
      `The store returned wrong bytes of ${digest} again after a fetch. Check its disk, memory and connection. The blob is fetched again after ten minutes at the earliest.`,
      { retryable: true },
    );
  }
  if (!(await setAside(deps, digest, record))) return false;
  readChecks.noteSetAside(digest, record?.storedAtMs);
  return true;
}

/**
 * Removes old objects from the quarantine, and the oldest beyond its limit. The others stay so that an operator can inspect them.
 * Returns the number of objects that are left. Rejects with `store-unavailable`.
 */
export async function cleanQuarantine(store: BlobStore, nowMs: number): Promise<number> {
  const kept: { readonly key: string; readonly atMs: number }[] = [];
  for await (const key of store.listObjects(quarantinePrefix)) {
    const atMs = quarantinedAtMs(key);
    if (atMs !== undefined) kept.push({ key, atMs });
  }
  kept.sort((one, other) => other.atMs - one.atMs);
  const stays = kept.filter(({ atMs }, position) => position < maxQuarantined && nowMs - atMs < keepQuarantinedMs);
  for (const { key } of kept.slice(stays.length)) await store.removeObject(key);
  return stays.length;
}
