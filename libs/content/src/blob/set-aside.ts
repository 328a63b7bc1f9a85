// Sets a damaged object aside: moves it to the quarantine, and removes its records from the index. Readers and the scrub use
// this. The next fill of the digest fetches the right bytes.
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
  /** The least number of bytes of a segment in new checksum tables. Default: the same as in fills. */
  readonly leastSegmentBytes?: number | undefined;
}

const keepQuarantinedMs = 7 * 86_400_000;
const maxQuarantined = 32;

/**
 * Sets an object aside. `record` is its record from before the read, or `undefined` if there was none. Resolves to false, and
 * does nothing, if the object was replaced since that read, or a fill is replacing it. Rejects with `store-unavailable` or
 * `index-unavailable`.
 */
export async function setAside(
  { index, store, log, metrics, now }: SetAsideDeps,
  digest: Digest,
  record: BlobRecord | undefined,
): Promise<boolean> {
  // The fill must be read before the blob. If the fill ends in between, the blob read afterwards shows its new record.
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
 * Works like `setAside`, for a reader that read an object wrong twice, but only one time in ten minutes for each digest. If the
 * object that was fetched again is read wrong too, the connection to the store probably damages bytes, and another fetch does
 * not help. Then it rejects with `content-mismatch`.
 */
export async function setAsideOnce(
  deps: SetAsideOnceDeps,
  digest: Digest,
  record: BlobRecord | undefined,
): Promise<boolean> {
  const { readChecks, log } = deps;
  if (readChecks.wasSetAside(digest, record?.storedAtMs)) {
    log.error({ digest }, 'stored object mismatched again after refetch');
    // The kind is not `store-unavailable`, because readers would then fall back to the upstream.
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
 * Removes objects from the quarantine that are older than a week, and the oldest ones if there are more than 32. The others
 * stay, so that an operator can inspect them. Resolves to the number of objects that are left. Rejects with
 * `store-unavailable`.
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
