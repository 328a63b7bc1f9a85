// Purges an image, a digest or a whole upstream from the cache on all nodes, for an operator. The next pull fetches it
// again.
import { setTimeout as delay } from 'node:timers/promises';
import type { ImageName } from '@cistern/blob-store';
import { listPins, removeLink } from '@cistern/content';
import { CacheError } from '@cistern/errors';
import { type CacheIndex, keepSubscribed, withLease } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import { tolerateFailure } from '../tolerate-failure.ts';
import { createPinnedDigests } from '../eviction/create-pinned-digests.ts';
import { findHolders } from '../integrity/find-holders.ts';
import { purgeImage, purgeTags, tagsOf } from './purge-image.ts';
import { purgeUpstream } from './purge-upstream.ts';
import { type PurgeDeps, type PurgeResult, type PurgeStep, removeBytes } from './remove-bytes.ts';

export type PurgeTarget = { readonly image: ImageName } | { readonly digest: Digest } | { readonly upstream: string };

const purgeLease = 'purge';
/** How long a purge waits for another purge or a rebuild. A rebuild can take longer. */
const maxWaitMs = 10_000;
const retryMs = 100;
const purgesTopic = 'purges';

/**
 * Purges the target. Waits until no other purge runs and the index is complete, because an incomplete index does not
 * know which content other images use. Rejects with `overloaded` if the wait takes too long. Skips objects that cannot
 * be removed, and rejects with `store-unavailable` at the end. Also rejects with `index-unavailable`. After each of
 * these errors, a retry purges the rest.
 */
export async function purge(deps: PurgeDeps, target: PurgeTarget): Promise<PurgeResult> {
  const { index } = deps;
  const since = performance.now();
  for (;;) {
    const result = await withLease({ index, name: purgeLease }, async (signal) =>
      (await index.epoch.isComplete()) ? purgeNow(deps, target, signal) : undefined,
    );
    if (result !== undefined) return result;
    if (performance.now() - since > maxWaitMs)
      throw new CacheError(
        'overloaded',
        'The purge could not start: the index is being rebuilt from the store, or another purge is running. Try again later.',
        { retryable: true },
      );
    await delay(retryMs);
  }
}

async function purgeNow(deps: PurgeDeps, target: PurgeTarget, signal: AbortSignal): Promise<PurgeResult> {
  const pins = await listPins(deps.store);
  const failures: unknown[] = [];
  const onFailure = (error: unknown) => void failures.push(error);
  const tolerate: PurgeStep['tolerate'] = (action) => tolerateFailure({ store: deps.store, signal, onFailure }, action);
  const step: PurgeStep = { ...deps, pins, readPinned: createPinnedDigests(deps), signal, tolerate };
  try {
    const result = await purgeTarget(step, target);
    checkNoneLeft(failures);
    return result;
  } finally {
    // A purge takes effect even if its announcement fails, because its content is no longer found by name.
    await deps.index.pubsub.publish(purgesTopic, 'purged').catch(() => {});
  }
}

async function purgeTarget(step: PurgeStep, target: PurgeTarget): Promise<PurgeResult> {
  if ('upstream' in target) return purgeUpstream(step, target.upstream);
  if ('image' in target) return purgeImage(step, target.image);
  return (await purgeDigest(step, target.digest)) ?? { pinnedBy: await pinsWith(step, target.digest) };
}

function checkNoneLeft(failures: readonly unknown[]): void {
  const [cause] = failures;
  if (cause === undefined) return;
  const first = cause instanceof Error ? cause.message : 'unknown.';
  throw new CacheError(
    'store-unavailable',
    `The purge is incomplete: the store failed for some objects (failures: ${failures.length}). The first: ${first} Check the store, then purge again.`,
    { cause, retryable: true },
  );
}

/** Returns the pins whose images contain a digest. Rejects as `purge`. */
export async function pinsWith(step: PurgeStep, digest: Digest): Promise<readonly ImageName[]> {
  const found: ImageName[] = [];
  for (const pin of step.pins) if ((await step.readPinned([pin])).has(digest)) found.push(pin);
  return found;
}

/**
 * Purges a digest but keeps the content that it refers to. Resolves to `undefined` if a pin protects it. Rejects with
 * `store-unavailable` or `index-unavailable`.
 */
async function purgeDigest(step: PurgeStep, digest: Digest): Promise<PurgeResult | undefined> {
  if ((await step.readPinned()).has(digest)) return undefined;
  let tags = 0;
  for (const { upstream, repository } of await findHolders(step.index, digest, {
    limit: Infinity,
    signal: step.signal,
  })) {
    const key = { upstream, repository };
    const named = (await Array.fromAsync(tagsOf(step, key))).filter((record) => record.digest === digest);
    tags += await purgeTags(
      step,
      key,
      named.map(({ tag }) => tag),
    );
    await step.tolerate(() => removeLink(step, key, digest));
  }
  return { purged: { tags, ...(await removeBytes(step, [digest])) } };
}

/**
 * Follows the announcements of purges, so that a node can remove purged contents from its memory. For records, the
 * index has announcements of its own. The caller closes the result.
 */
export function followPurges({ pubsub }: Pick<CacheIndex, 'pubsub'>) {
  const forgets: (() => void)[] = [];
  const subscription = keepSubscribed(pubsub, purgesTopic, () => {
    for (const forget of forgets) forget();
  });
  return {
    /** Calls `forget` after each purge, and whenever a purge may have been missed. */
    onPurge: (forget: () => void) => void forgets.push(forget),
    close: async () => subscription.close(),
  };
}
