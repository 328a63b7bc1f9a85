// Compares one of 256 shards of the store with the same shard of the index, fixes differences and hashes every object.
// An object that the index does not know is adopted, never removed.
import type { StoredBlob } from '@cistern/blob-store';
import { adoptBlob, adoptedRecord, finishDeletions, forgetMissing, hashStored, setAside } from '@cistern/content';
import { isCacheError } from '@cistern/errors';
import { type BlobRecord, type BlobShard, isSameTable, type Link, repositoryPath } from '@cistern/index';
import type { CrcTable, Digest } from '@cistern/oci';
import { fetchBlobs, type FetchBlobsDeps } from '@cistern/prewarm';
import { fetchManifest } from '@cistern/pull-through';
import type { Bandwidth } from '@cistern/runtime';
import { tolerateFailure } from '../tolerate-failure.ts';
import { findHolders } from './find-holders.ts';
import type { Damage, ScrubCounts } from './scrub-report.ts';

export interface ScrubShardDeps extends FetchBlobsDeps {
  /** Limits the rate at which the scrub reads. */
  readonly scrubBandwidth: Bandwidth;
}

export interface ScrubShardOptions {
  /**
   * The shard's records, read before this call. Objects are listed after records, so a blob that is stored meanwhile is
   * never taken for missing.
   */
  readonly listed: BlobShard;
  /**
   * Objects up to this one are skipped, because they are already scrubbed. `undefined` means that all must be scrubbed.
   */
  readonly after: Digest | undefined;
  readonly count: (kind: Exclude<keyof ScrubCounts, 'bytes'>) => void;
  readonly onRead: (bytes: number) => void;
  readonly onDamage: (damage: Damage) => void;
  /** Awaited after each object. */
  readonly onDone: (digest: Digest) => Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * Younger objects are not adopted. A fill may have stored such a blob but not yet recorded it, for example while the
 * index is unavailable.
 */
const adoptAfterMs = 900_000;
const noReaderWaits = () => false;
const holdersToTry = 3;
const fetchWithinMs = 600_000;

/** Rejects with `store-unavailable`, `index-unavailable` or the signal's reason. */
export async function scrubShard(deps: ScrubShardDeps, options: ScrubShardOptions): Promise<void> {
  const { store, log } = deps;
  const { after, count, onDone, signal } = options;
  const { shard, records } = options.listed;
  const objects: StoredBlob[] = [];
  for await (const object of store.list(shard)) objects.push(object);
  const present = new Set(objects.map(({ digest }) => digest));
  const visit = async (digest: Digest, action: () => Promise<void>) => {
    signal.throwIfAborted();
    const onFailure = (error: unknown) => {
      count('failed');
      log.warn({ err: error, digest }, 'failed to scrub object, continuing');
    };
    await tolerateFailure({ store, signal, onFailure }, action);
  };
  for (const { digest, state } of records)
    await visit(digest, async () => {
      // Completes a deletion that a dead worker began. Throws the error if the object cannot be removed.
      if (state === 'deleting') for (const error of (await finishDeletions(deps, [digest])).values()) throw error;
      else if (!present.has(digest) && (await forgetMissing(deps, digest))) count('forgotten');
    });
  for (const object of objects.sort((one, other) => (one.digest < other.digest ? -1 : 1))) {
    if (after !== undefined && object.digest <= after) continue;
    await visit(object.digest, () => scrubObject(deps, options, object));
    await onDone(object.digest);
  }
}

async function scrubObject(deps: ScrubShardDeps, options: ScrubShardOptions, object: StoredBlob): Promise<void> {
  const { store, scrubBandwidth, log, now } = deps;
  const { count, onRead, onDamage, signal } = options;
  const { digest } = object;
  const record = await findRecord(deps, object, count);
  if (record === undefined || record.state === 'deleting') return;
  const paced = async (bytes: number) => {
    onRead(bytes);
    await scrubBandwidth.spend(bytes, noReaderWaits, signal);
  };
  const { state, size, table } = await hashStored({ store, log, onRead: paced }, digest);
  if (state === 'gone') {
    if (await forgetMissing(deps, digest)) count('forgotten');
    return;
  }
  count('objects');
  if (state === 'right') {
    await recordVerified(deps, record, size, table);
    if (!record.verified) count('verified');
    return;
  }
  const healed = await healDamaged(deps, record, signal);
  if (healed === undefined) return;
  count('damaged');
  if (healed.healed) count('healed');
  onDamage({ digest, size, foundAtMs: now(), ...healed });
}

/**
 * Returns the record of an object, and adopts an unknown object. Returns `undefined` if the object is too new to adopt,
 * was removed, or was recorded by another worker meanwhile.
 */
async function findRecord(
  deps: ScrubShardDeps,
  object: StoredBlob,
  count: ScrubShardOptions['count'],
): Promise<BlobRecord | undefined> {
  const { index, now } = deps;
  const known = await index.blobs.get(object.digest, { fresh: true });
  if (known !== undefined || object.modifiedAtMs > now() - adoptAfterMs) return known;
  const adopted = adoptedRecord(object, now());
  if (!(await adoptBlob(deps, adopted))) return undefined;
  count('adopted');
  return adopted;
}

/**
 * Records that an object is verified, and its actual size, because the record of an adopted object may have a wrong
 * size.
 */
async function recordVerified(
  { index }: ScrubShardDeps,
  record: BlobRecord,
  size: number,
  table: CrcTable | undefined,
): Promise<void> {
  const hasTable = table === undefined || isSameTable(table, record.table);
  if (record.verified && hasTable && record.size === size) return;
  if (record.size === size) return index.blobs.markVerified(record.digest, table);
  const now = await index.blobs.get(record.digest, { fresh: true });
  if (now?.storedAtMs === record.storedAtMs) await index.blobs.put({ ...now, size, verified: true, table });
}

/**
 * Sets a damaged object aside and fetches it again for a repository that holds it. `record` is the object's record
 * before the object was read. Resolves to `undefined`, without changes, if the object was replaced after that. If the
 * object cannot be fetched now, the next pull fetches it. Rejects with `store-unavailable`, `index-unavailable` or the
 * signal's reason.
 */
async function healDamaged(
  deps: FetchBlobsDeps,
  record: BlobRecord,
  signal: AbortSignal,
): Promise<Pick<Damage, 'healed' | 'note'> | undefined> {
  const { index, log } = deps;
  const { digest } = record;
  if (!(await setAside(deps, digest, record))) return undefined;
  const holders = await findHolders(index, digest, { limit: holdersToTry, signal });
  let note = 'no repository is known to hold it; the next pull fetches it';
  for (const holder of holders) {
    const place = repositoryPath(holder);
    try {
      await fetchFor(deps, holder, AbortSignal.any([signal, AbortSignal.timeout(fetchWithinMs)]));
      return { healed: true, note: `fetched again from ${place}` };
    } catch (error) {
      signal.throwIfAborted();
      note = `could not be fetched from ${place}: ${isCacheError(error) ? error.message : String(error)}`;
      log.warn({ err: error, digest, repository: place }, 'failed to refetch damaged blob');
    }
  }
  return { healed: false, note };
}

async function fetchFor(
  deps: FetchBlobsDeps,
  { kind, digest, size, ...key }: Link,
  signal: AbortSignal,
): Promise<void> {
  const { upstream, repository } = key;
  if (kind === 'blob') return fetchBlobs(deps, key, [{ digest, size }], { signal, onStored: () => {} });
  await fetchManifest(deps, { upstream, repository, digest }, { signal, purpose: 'prewarm' });
}
