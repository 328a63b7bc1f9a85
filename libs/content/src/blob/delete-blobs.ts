// Removes blobs from the store, unless they were pulled after they were chosen, or are being fetched. A fetch of a digest that is being
// removed waits, so no deletion removes a new object.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { CacheError } from '@cistern/errors';
import type { ManifestRecord, Victim } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import { forEachBounded } from '@cistern/runtime';
import type { IndexAndStore } from './stored-blob.ts';

export interface DeletedBlobs {
  readonly deleted: readonly Digest[];
  /** Those that the store did not remove, each with its `store-unavailable`. They are served again if they are still there. */
  readonly failed: ReadonlyMap<Digest, CacheError>;
}

export interface DeleteOptions {
  /** Random: an interrupted deletion is still this owner's. Default: a new one. */
  readonly owner?: string;
  /** Called when no client can begin to use the blobs any more. Returns blobs that stay. */
  readonly findKept?: () => Promise<ReadonlySet<Digest>>;
}

/** A fetch of what a dead worker was deleting waits no longer. */
export const deletionLeaseMs = 10_000;
const prolongEveryMs = 3_000;
const lookEveryMs = 50;
const callsAtOnce = 64;
/** Before any pull: then only deletions that have begun go on. */
const never = -1;

/**
 * Manifests first, so that none is here without its blobs. Blobs in neither part of the result were pulled, fetched or stored
 * meanwhile, and stay. Rejects with `store-unavailable` where the store is not reached, and with `index-unavailable`. Then
 * `finishDeletions` of the same owner, or the next fetch, goes on from there. Pass a thousand victims at most.
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
    // After a freeze others may have stored some of them again.
    const digests = await index.fills.beginDeletions(ofKind.map(atLast), owner, deletionLeaseMs);
    if (digests.length === 0) continue;
    const refused = await store.removeAll(digests);
    const gone = digests.filter((digest) => !refused.has(digest));
    const kept: Digest[] = [];
    await forEachBounded(refused, { atOnce: callsAtOnce }, async ([digest, error]) => {
      // A store that cannot say whether the object is there leaves the deletion open.
      const stat = await store.stat(digest).catch(() => error);
      if (stat === undefined) gone.push(digest);
      else failed.set(digest, error);
      if (stat !== undefined && stat !== error) kept.push(digest);
    });
    const ended = new Set(await index.fills.endDeletions(gone, owner, 'gone'));
    deleted.push(...ended);
    if (kept.length > 0) await index.fills.endDeletions(kept, owner, 'kept');
    for (const digest of kept) if (records.has(digest)) await index.manifests.put(records.get(digest)!);
    // A record was written while the object was removed under it.
    for (const digest of gone) if (!ended.has(digest)) await forgetMissing(deps, digest);
  }
  return { deleted, failed };
}

/**
 * Deletes one blob, however lately it was pulled. False: it is not here, or is being fetched. Rejects as `deleteBlobs`, and with
 * `store-unavailable` if the store does not remove it.
 */
export async function deleteBlob(deps: IndexAndStore, digest: Digest): Promise<boolean> {
  const { deleted, failed } = await deleteBlobs(deps, [{ digest, lastPulledAtMs: Infinity }]);
  for (const error of failed.values()) throw error;
  return deleted.includes(digest);
}

/**
 * Goes on with deletions that `owner` has begun, or a worker that has died, and begins none. Resolves to the blobs that the store did
 * not remove, and rejects, as `deleteBlobs`.
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
 * The index forgets what is not in the store: the store is asked after the record was read, and only that record goes. True if
 * there was a record without an object.
 */
export async function forgetMissing({ index, store }: IndexAndStore, digest: Digest): Promise<boolean> {
  const record = await index.blobs.get(digest, { fresh: true });
  if (record === undefined || (await store.stat(digest)) !== undefined) return false;
  await index.manifests.remove(digest);
  return index.blobs.remove(digest, record.storedAtMs);
}

/**
 * Waits until a deletion of the digest has ended, but no longer than a dead deleter's lease lasts. For bytes that are stored
 * without a fill's lease, as manifests are: the deletion would remove them.
 */
export async function untilDeleted({ index }: Pick<IndexAndStore, 'index'>, digest: Digest): Promise<void> {
  const since = performance.now();
  for (;;) {
    const record = await index.blobs.get(digest, { fresh: true });
    if (record?.state !== 'deleting' || performance.now() - since > deletionLeaseMs) return;
    await delay(lookEveryMs);
  }
}
