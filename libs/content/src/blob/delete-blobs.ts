// Deletes blobs from the store, except those that were pulled after they were chosen, or that a fill fetches. A fetch waits for the
// deletion of its digest, so a deletion never removes a new object.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { CacheError } from '@cistern/errors';
import type { ManifestRecord, Victim } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import { forEachBounded } from '@cistern/runtime';
import type { IndexAndStore } from './stored-blob.ts';

export interface DeletedBlobs {
  readonly deleted: readonly Digest[];
  /** Blobs that the store did not remove, each with its `store-unavailable`. They are served again if they still exist. */
  readonly failed: ReadonlyMap<Digest, CacheError>;
}

export interface DeleteOptions {
  /** A random name. The same owner can resume an interrupted deletion. Default: a new name. */
  readonly owner?: string;
  /** Called when no client can start to use the blobs anymore. Returns the blobs to keep. */
  readonly findKept?: () => Promise<ReadonlySet<Digest>>;
}

/** A fetch waits this long at most for a deletion of a dead worker. */
export const deletionLeaseMs = 10_000;
const prolongEveryMs = 3_000;
const lookEveryMs = 50;
const callsAtOnce = 64;
/** Earlier than any pull, so that only deletions that have begun continue. */
const never = -1;

/**
 * Deletes manifests first, so that no manifest is left without its blobs. Blobs in neither part of the result were pulled, fetched
 * or stored meanwhile, and stay. Rejects with `store-unavailable` if the store is unreachable, and with `index-unavailable`. Then
 * `finishDeletions` of the same owner, or the next fetch, resumes. Pass at most a thousand victims.
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
    // After a freeze of this process, other nodes may have stored some of them again.
    const digests = await index.fills.beginDeletions(ofKind.map(atLast), owner, deletionLeaseMs);
    if (digests.length === 0) continue;
    const refused = await store.removeAll(digests);
    const gone = digests.filter((digest) => !refused.has(digest));
    const kept: Digest[] = [];
    await forEachBounded(refused, { atOnce: callsAtOnce }, async ([digest, error]) => {
      // If the store cannot confirm that the object is gone, the deletion stays open.
      const stat = await store.stat(digest).catch(() => error);
      if (stat === undefined) gone.push(digest);
      else failed.set(digest, error);
      if (stat !== undefined && stat !== error) kept.push(digest);
    });
    const ended = new Set(await index.fills.endDeletions(gone, owner, 'gone'));
    deleted.push(...ended);
    if (kept.length > 0) await index.fills.endDeletions(kept, owner, 'kept');
    for (const digest of kept) if (records.has(digest)) await index.manifests.put(records.get(digest)!);
    // A new record was written while its object was removed.
    for (const digest of gone) if (!ended.has(digest)) await forgetMissing(deps, digest);
  }
  return { deleted, failed };
}

/**
 * Deletes one blob, however recently it was pulled. Returns false if it does not exist or a fill fetches it. Rejects as
 * `deleteBlobs` does, and with `store-unavailable` if the store does not remove it.
 */
export async function deleteBlob(deps: IndexAndStore, digest: Digest): Promise<boolean> {
  const { deleted, failed } = await deleteBlobs(deps, [{ digest, lastPulledAtMs: Infinity }]);
  for (const error of failed.values()) throw error;
  return deleted.includes(digest);
}

/**
 * Resumes deletions that `owner`, or a worker that has died, has begun. It starts no new ones. Resolves to the blobs that the store
 * did not remove. Rejects as `deleteBlobs` does.
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
 * Removes a record from the index if its object is not in the store. It checks the store after it read the record, and removes only
 * that record. Returns true if it removed one.
 */
export async function forgetMissing({ index, store }: IndexAndStore, digest: Digest): Promise<boolean> {
  const record = await index.blobs.get(digest, { fresh: true });
  if (record === undefined || (await store.stat(digest)) !== undefined) return false;
  await index.manifests.remove(digest);
  return index.blobs.remove(digest, record.storedAtMs);
}

/**
 * Waits until a deletion of the digest has ended, but no longer than the lease of a dead owner. Manifests need this: they are stored
 * without a fill's lease, so the deletion could remove them.
 */
export async function untilDeleted({ index }: Pick<IndexAndStore, 'index'>, digest: Digest): Promise<void> {
  const since = performance.now();
  for (;;) {
    const record = await index.blobs.get(digest, { fresh: true });
    if (record?.state !== 'deleting' || performance.now() - since > deletionLeaseMs) return;
    await delay(lookEveryMs);
  }
}
