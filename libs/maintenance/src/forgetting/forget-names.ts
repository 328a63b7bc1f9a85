// Forgets names whose manifests are evicted: names without a recent confirmation, and the oldest if there are too many
// (decision 0058). Otherwise the index and the store would forever keep the names of images that were pulled only once.
import { listObjectsPrefix, parseListObjectKey } from '@cistern/blob-store';
import { forgetTag, readJsonObject } from '@cistern/content';
import { forEachBounded } from '@cistern/runtime';
import { tolerateFailure } from '../tolerate-failure.ts';
import { repositoriesWhile } from '../integrity/find-holders.ts';
import { forgetInRepository, hasNoLinks } from './forget-in-repository.ts';
import {
  type ForgettingDeps,
  type ForgettingPass,
  readManifestName,
  readPinned,
  readTagName,
  storedTags,
} from './names.ts';

export interface ForgottenNames {
  readonly tags: number;
  /** Number of manifests. A manifest counts once for each of its repositories. */
  readonly manifests: number;
  /** Objects that could not be read or removed. */
  readonly failed: number;
}

const atOnce = 16;
/** Number of names that are kept for each cached name, including the cached name. */
const namesPerCached = 10;
/** Names that were confirmed within this time are kept, because a client may be pulling them. */
const spareMs = 60_000;

/**
 * Runs one pass. Resolves to `undefined` while the index is not complete. Rejects with `store-unavailable`,
 * `index-unavailable` or the signal's reason; the next pass continues.
 */
export async function forgetNames(deps: ForgettingDeps, signal: AbortSignal): Promise<ForgottenNames | undefined> {
  const { index, store, log, now } = deps;
  if (!(await index.epoch.isComplete())) return undefined;
  const forgotten = { tags: 0, manifests: 0, failed: 0 };
  const onFailure = (err: unknown) => {
    forgotten.failed += 1;
    log.warn({ err }, 'failed to forget object, continuing');
  };
  const tolerate: ForgettingPass['tolerate'] = (action) => tolerateFailure({ store, signal, onFailure }, action);
  const pass: ForgettingPass = { ...deps, pinned: await readPinned(deps), signal, tolerate };
  const counted = await countNames(pass);
  const { forgetAfterMs } = deps;
  const tooMany = Math.min(newestOfTooMany(counted), now() - Math.min(spareMs, forgetAfterMs));
  const beforeMs = Math.max(now() - forgetAfterMs, tooMany);
  // Resets the count, because objects that failed during the count fail again below.
  forgotten.failed = 0;
  if (counted.goneAtMs.some((atMs) => atMs <= beforeMs)) {
    await forEachBounded(storedTags(deps), { atOnce, signal }, (key) =>
      tolerate(async () => {
        const { record, confirmed } = await readTagName(pass, key);
        if (confirmed === 'cached' || confirmed.atMs > beforeMs) return;
        if (await forgetTag(deps, key, record)) forgotten.tags += 1;
      }),
    );
    for await (const key of repositoriesWhile(index, () => true)) {
      signal.throwIfAborted();
      await tolerate(async () => {
        forgotten.manifests += await forgetInRepository(pass, key, beforeMs);
      });
    }
  }
  await forgetLists(pass);
  return forgotten;
}

interface CountedNames {
  cached: number;
  /** When each name that is not cached was last confirmed. An entry takes eight bytes. */
  readonly goneAtMs: number[];
}

async function countNames(pass: ForgettingPass): Promise<CountedNames> {
  const { index, tolerate, signal } = pass;
  const counted: CountedNames = { cached: 0, goneAtMs: [] };
  const count = (goneAtMs: number | undefined) => {
    if (goneAtMs === undefined) counted.cached += 1;
    else counted.goneAtMs.push(goneAtMs);
  };
  await forEachBounded(storedTags(pass), { atOnce, signal }, (key) =>
    tolerate(async () => {
      const { confirmed } = await readTagName(pass, key);
      count(confirmed === 'cached' ? undefined : confirmed.atMs);
    }),
  );
  for await (const key of repositoriesWhile(index, () => true))
    await forEachBounded(await index.links.digests(key), { atOnce, signal }, (digest) =>
      tolerate(async () => {
        const name = await readManifestName(pass, key, digest);
        if (name !== undefined) count(name.confirmed === 'cached' ? undefined : name.confirmed.writtenAtMs);
      }),
    );
  return counted;
}

/** Returns when the newest of the surplus names was confirmed, or -Infinity if there are no surplus names. */
function newestOfTooMany({ cached, goneAtMs }: CountedNames): number {
  const tooMany = goneAtMs.length - cached * (namesPerCached - 1);
  return tooMany <= 0 ? -Infinity : goneAtMs.sort((one, other) => one - other)[tooMany - 1]!;
}

/**
 * Forgets old pages of lists of repositories without links. A list is stored even if no client pulls from its
 * repository.
 */
async function forgetLists({ index, store, forgetAfterMs, tolerate, signal, now }: ForgettingPass): Promise<void> {
  await forEachBounded(store.listObjects(listObjectsPrefix), { atOnce, signal }, (objectKey) =>
    tolerate(async () => {
      const key = parseListObjectKey(objectKey);
      if (key === undefined || !(await hasNoLinks({ index }, key))) return;
      const page = await readJsonObject<{ readonly schema: 1; readonly keptAtMs: number }>(store, objectKey);
      if (page === undefined || page.keptAtMs <= now() - forgetAfterMs) await store.removeObject(objectKey);
    }),
  );
}
