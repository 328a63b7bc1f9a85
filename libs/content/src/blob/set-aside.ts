// Takes an object that is not what its digest says out of everybody's way: it goes into quarantine, and the index forgets it.
// Readers and the scrub do this alike; the next fill brings the right bytes.
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
  /** Bytes of a segment of the tables that are made here, at least; default: as fills have them. */
  readonly leastSegmentBytes?: number | undefined;
}

const keepQuarantinedMs = 7 * 86_400_000;
const maxQuarantined = 32;

/**
 * `record`: as it was before the object was read; `undefined` if there was none. False: the object has been replaced since, or
 * is being replaced, and nothing was done. Rejects with `store-unavailable` or `index-unavailable`.
 */
export async function setAside(
  { index, store, log, metrics, now }: SetAsideDeps,
  digest: Digest,
  record: BlobRecord | undefined,
): Promise<boolean> {
  // In this order: a fill that ends in between has recorded its blob.
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
    log.warn({ err: error }, 'failed to clean the quarantine');
  });
  return true;
}

/**
 * As `setAside`, for a reader that read an object wrong twice: under each digest only once in a while. If the next object is read
 * wrong as well, it is the way from the store that damages bytes, and fetching again does not help. Rejects with
 * `content-mismatch` if this node has set aside another object of the digest within ten minutes and read none right since.
 */
export async function setAsideOnce(
  deps: SetAsideOnceDeps,
  digest: Digest,
  record: BlobRecord | undefined,
): Promise<boolean> {
  const { readChecks, log } = deps;
  if (readChecks.wasSetAside(digest, record?.storedAtMs)) {
    log.error({ digest }, 'stored object read wrong again after a fetch');
    // Not `store-unavailable`, for which upstream is asked instead.
    throw new CacheError(
      'content-mismatch',
      `The store gave wrong bytes under ${digest} again after a fetch. Check its disk, memory and connection; the blob is fetched again after ten minutes at the earliest.`,
      { retryable: true },
    );
  }
  if (!(await setAside(deps, digest, record))) return false;
  readChecks.noteSetAside(digest, record?.storedAtMs);
  return true;
}

/**
 * Damaged objects are kept for a while, and not too many, so that an operator can look into them. This removes what is old, and the
 * oldest of what is too many; returns how many are left. Rejects with `store-unavailable`.
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
