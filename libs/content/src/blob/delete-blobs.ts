// Deletes blobs from the store. It keeps blobs that were pulled after they were chosen, or that a fill is fetching. A fetch
// waits until a deletion of its digest has ended, so a deletion never removes a new object.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { CacheError } from '@cistern/errors';
import type { ManifestRecord, Victim } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import { forEachBounded } from '@cistern/runtime';
import type { IndexAndStore } from './stored-blob.ts';

export interface DeletedBlobs {
  readonly deleted: readonly Digest[];
  /**
   * Blobs that the store did not remove, each with its error `store-unavailable`. Those that the store still has are served
   * again.
   */
  readonly failed: ReadonlyMap<Digest, CacheError>;
}

export interface DeleteOptions {
  /** The random name of the owner of the deletion. The same owner can resume an interrupted deletion. Default: a new name. */
  readonly owner?: string;
  /** Called after the blobs are marked as deleting, when no client can start to use them. Resolves to the blobs to keep. */
  readonly findKept?: () => Promise<ReadonlySet<Digest>>;
}

/** How long a deletion is protected after its last renewal. A fetch waits at most this long if the deleting worker has died. */
export const deletionLeaseMs = 10_000;
const prolongEveryMs = 3_000;
const lookEveryMs = 50;
const callsAtOnce = 64;
/** A time before any pull. With it, only deletions that have begun are renewed, and no new one begins. */
const never = -1;

/**
 * Deletes the victims, manifests first, so that no manifest is left without its blobs. Victims in neither part of the result
 * stay, because they were pulled, fetched or stored meanwhile. Rejects with `store-unavailable` if the store is unreachable,
 * and with `index-unavailable`. Then `finishDeletions` with the same owner resumes the deletions. Pass at most a thousand
 * victims.
 */
export async function deleteBlobs(
  deps: IndexAndStore,
  victims: readonly Victim[],
  { owner = randomUUID(), findKept }: DeleteOptions = {},
): Promise<DeletedBlobs> {
  const { fills } = deps.index;
  const begun = await fills.beginDeletions(victims, owner, deletionLeaseMs);
  if (begun.length === 0) return { deleted: [], failed: new Map() };
  const prolong = () => void fills.beginDeletions(begun.map(atLast), owner, deletionLeaseMs).catch(() => {});
  const timer = setInterval(prolong, prolongEveryMs);
  try {
    const kept = await findKept?.().catch(async (error: unknown) => {
      await fills.endDeletions(begun, owner, 'kept');
      throw error;
    });
    const spared = begun.filter((digest) => kept?.has(digest));
    if (spared.length > 0) await fills.endDeletions(spared, owner, 'kept');
    return await removeBegun(
      deps,
      begun.filter((digest) => kept?.has(digest) !== true),
      owner,
    );
  } finally {
    clearInterval(timer);
  }
}

function atLast(digest: Digest): Victim {
  return { digest, lastPulledAtMs: never };
}

async function removeBegun(deps: IndexAndStore, begun: readonly Digest[], owner: string): Promise<DeletedBlobs> {
  const { index, store } = deps;
  const records = new Map<Digest, ManifestRecord>();
  await forEachBounded(begun, { atOnce: callsAtOnce }, async (digest) => {
    const record = await index.manifests.get(digest);
    if (record === undefined) return;
    records.set(digest, record);
    await index.manifests.remove(digest);
  });
  const deleted: Digest[] = [];
  const failed = new Map<Digest, CacheError>();
  for (const ofKind of [[...records.keys()], begun.filter((digest) => !records.has(digest))]) {
    // Renew the deletions, because other nodes may have stored some of the blobs again if this process was frozen.
    const digests = await index.fills.beginDeletions(ofKind.map(atLast), owner, deletionLeaseMs);
    if (digests.length === 0) continue;
    const refused = await store.removeAll(digests);
    const gone = digests.filter((digest) => !refused.has(digest));
    const kept: Digest[] = [];
    await forEachBounded(refused, { atOnce: callsAtOnce }, async ([digest, error]) => {
      // If the store cannot be queried for the object, the deletion stays unfinished.
      const stat = await store.stat(digest).catch(() => error);
      if (stat === undefined) gone.push(digest);
      else failed.set(digest, error);
      if (stat !== undefined && stat !== error) kept.push(digest);
    });
    const ended = new Set(await index.fills.endDeletions(gone, owner, 'gone'));
    deleted.push(...ended);
    if (kept.length > 0) await index.fills.endDeletions(kept, owner, 'kept');
    for (const digest of kept) if (records.has(digest)) await index.manifests.put(records.get(digest)!);
    // A blob that was recorded again while its object was removed has a record without an object, which is removed here.
    for (const digest of gone) if (!ended.has(digest)) await forgetMissing(deps, digest);
  }
  return { deleted, failed };
}

/**
 * Deletes one blob, however recently it was pulled. Resolves to false if the blob does not exist or a fill is fetching it.
 * Rejects as `deleteBlobs` does, and with `store-unavailable` if the store does not remove the blob.
 */
export async function deleteBlob(deps: IndexAndStore, digest: Digest): Promise<boolean> {
  const { deleted, failed } = await deleteBlobs(deps, [{ digest, lastPulledAtMs: Infinity }]);
  for (const error of failed.values()) throw error;
  return deleted.includes(digest);
}

/**
 * Resumes deletions that were begun by `owner` or by a worker that has died. It begins no new deletion. Resolves to the blobs
 * that the store did not remove. Rejects as `deleteBlobs` does.
 */
export async function finishDeletions(
  deps: IndexAndStore,
  digests: readonly Digest[],
  owner: string = randomUUID(),
): Promise<DeletedBlobs['failed']> {
  const { deleted, failed } = await deleteBlobs(deps, digests.map(atLast), { owner });
  const ended = new Set([...deleted, ...failed.keys()]);
  const others = digests.filter((digest) => !ended.has(digest));
  await forEachBounded(others, { atOnce: callsAtOnce }, async (digest) => void (await forgetMissing(deps, digest)));
  return failed;
}

/**
 * Removes the record of a blob from the index if the store does not have the blob. It reads the record before it checks the
 * store, and removes only that record, not a newer one. Resolves to true if it removed a record.
 */
export async function forgetMissing({ index, store }: IndexAndStore, digest: Digest): Promise<boolean> {
  const record = await index.blobs.get(digest, { fresh: true });
  if (record === undefined || (await store.stat(digest)) !== undefined) return false;
  await index.manifests.remove(digest);
  return index.blobs.remove(digest, record.storedAtMs);
}

/**
 * Waits until a deletion of the digest has ended, but no longer than a deletion of a dead owner is protected. Call it before
 * storing a manifest, because manifests are stored without a fill's lease and the deletion could remove the new object.
 */
export async function untilDeleted({ index }: Pick<IndexAndStore, 'index'>, digest: Digest): Promise<void> {
  const since = performance.now();
  for (;;) {
    const record = await index.blobs.get(digest, { fresh: true });
    if (record?.state !== 'deleting' || performance.now() - since > deletionLeaseMs) return;
    await delay(lookEveryMs);
  }
}
