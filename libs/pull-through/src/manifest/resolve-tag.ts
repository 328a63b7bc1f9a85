// Resolves a tag to a digest. A fresh record of the tag is enough, else a worker confirms the tag with the upstream. If that
// fails, the stale record is served.
import { type BlobStore, registryTagLinkKey, tagObjectKey } from '@cistern/blob-store';
import type { CacheIndex, TagKey, TagRecord } from '@cistern/index';
import { ifObjectAvailable, readTagObject, unconfirmedTag } from '@cistern/content';
import { CacheError, isCacheError } from '@cistern/errors';
import type { JobQueue } from '@cistern/jobs';
import { isDigest } from '@cistern/oci';
import { createRecent } from '@cistern/runtime';
import type { Logger, Metrics, StaleReason } from '@cistern/telemetry';
import {
  ageOf,
  recentFailure,
  failureHoldsForMs,
  failureKindOf,
  freshnessOf,
  isForgottenFor,
  isRefusal,
  mayServeOnError,
  type PolicyOf,
} from '../freshness/freshness.ts';
import { offlineError } from '../freshness/open-offline-switch.ts';
import type { FreshnessFacts } from '../requests/pull-through.ts';
import { type RequestFromWorker, workerRequestKey } from '../requests/request-from-worker.ts';

export interface ResolveTagDeps {
  readonly index: CacheIndex;
  readonly store: BlobStore;
  readonly requestFromWorker: RequestFromWorker;
  readonly revalidateBehind: ReturnType<typeof createRevalidateBehind>;
  readonly policyOf: PolicyOf;
  readonly isOffline: (upstream: string) => boolean;
  readonly adoptAs: () => string | undefined;
  readonly log: Logger;
  readonly metrics: Pick<Metrics, 'staleAnswers'>;
  readonly now: () => number;
}

export interface ResolveTagOptions {
  /** The content that the caller needs. `manifest` fetches a tag without a record by GET, without a HEAD before it. */
  readonly want: 'digest' | 'manifest';
  readonly force?: boolean | undefined;
  readonly maxAgeMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ResolvedTag extends Pick<FreshnessFacts, 'cache' | 'staleBecause'> {
  readonly record: TagRecord;
}

/** How long a request that could be served from a stale record waits for an upstream that does not respond. */
const patienceMs = 5_000;
const maxTries = 3;
/** This process adds the same job at most once in this time. If the job was lost, a later request adds it again. */
const addedForMs = 5_000;
const maxAdded = 10_000;

export async function resolveTag(deps: ResolveTagDeps, key: TagKey, options: ResolveTagOptions): Promise<ResolvedTag> {
  const { index, log, now } = deps;
  const known = (await index.tags.get(key)) ?? (await ifObjectAvailable(deps, () => findInStore(deps, key)));
  if (known === undefined) return revalidate(deps, key, known, options);
  const { force = false, maxAgeMs, signal } = options;
  const policy = deps.policyOf(key.upstream, key.tag);
  const freshness = force ? 'expired' : freshnessOf(known, policy, { nowMs: now(), maxAgeMs });
  if (freshness === 'fresh') return { record: known, cache: 'HIT' };
  if (deps.isOffline(key.upstream)) return withoutUpstream(deps, known, offlineError(key.upstream), 'offline');
  if (freshness === 'revalidate-behind') {
    deps.revalidateBehind(known);
    return stale(deps, known, 'revalidating');
  }
  if (freshness === 'failed-recently') {
    const failure = recentFailure(key.upstream, known.lastFailure ?? '', failureHoldsForMs(known, policy, now()));
    return withoutUpstream(deps, known, failure);
  }
  try {
    return await revalidate(deps, key, known, options);
  } catch (error) {
    if (signal?.aborted) throw error;
    const answer = withoutUpstream(deps, known, error);
    log.warn({ err: error, ...key }, 'failed to confirm tag, serving stale');
    return answer;
  }
}

/** Returns the stale record if the policy allows it after a refusal or failure of the upstream. Otherwise throws `error`. */
function withoutUpstream(
  deps: ResolveTagDeps,
  record: TagRecord,
  error: unknown,
  reason: StaleReason = isRefusal(failureKindOf(error)) ? 'gone' : 'failing',
): ResolvedTag {
  const policy = deps.policyOf(record.upstream, record.tag);
  const holds = reason === 'gone' ? !isForgottenFor(error, policy) : mayServeOnError(ageOf(record, deps.now()), policy);
  if (!holds) throw error;
  return stale(deps, record, reason);
}

function stale({ metrics }: ResolveTagDeps, record: TagRecord, reason: StaleReason): ResolvedTag {
  metrics.staleAnswers.inc({ upstream: record.upstream, reason });
  return { record, cache: 'STALE', staleBecause: reason };
}

async function revalidate(
  deps: ResolveTagDeps,
  key: TagKey,
  known: TagRecord | undefined,
  options: ResolveTagOptions,
  tries = 1,
): Promise<ResolvedTag> {
  const { index, requestFromWorker } = deps;
  const { want, maxAgeMs, signal } = options;
  const { upstream, repository, tag } = key;
  // If the client limits the age, a confirmation from before its request may be too old.
  const force = options.force === true || maxAgeMs !== undefined;
  const by = known === undefined && want === 'manifest' ? 'get' : 'head';
  // HEAD and GET share one job key. Otherwise a GET alongside a HEAD for the same tag would fetch the manifest twice.
  const payload = { upstream, repository, tag, by, ...(!force && seenOf(known)) } as const;
  const patience = known !== undefined && options.force !== true ? { patienceMs } : {};
  const confirmed = await requestFromWorker('revalidate-tag', payload, { subject: tag, force, signal, ...patience });
  const record = await index.tags.get(key, { fresh: true });
  // The tag was purged after the confirmation, so it is confirmed again.
  if (record === undefined && tries < maxTries) return revalidate(deps, key, undefined, options, tries + 1);
  if (record === undefined)
    throw new CacheError('index-unavailable', 'The index lost the tag record that was just written. Try again later.', {
      retryable: true,
    });
  if (record.digest === known?.digest) return { record, cache: 'REVALIDATED' };
  return { record, cache: confirmed.joined ? 'JOINED' : 'MISS' };
}

/**
 * Returns the times of the known record. With them, the job skips its request if another job has confirmed the tag, or failed
 * to, since the record was read.
 */
function seenOf(known: TagRecord | undefined): { checkedAtMs: number; triedAtMs: number } {
  return { checkedAtMs: known?.checkedAtMs ?? 0, triedAtMs: known?.lastTriedAtMs ?? 0 };
}

/**
 * Finds Cistern's own tag object, else the link that a registry:2 cache left. The record from either is stale until the
 * upstream confirms the tag.
 */
async function findInStore(deps: ResolveTagDeps, key: TagKey): Promise<TagRecord | undefined> {
  const { store, index, adoptAs, now } = deps;
  const own = await readTagObject(store, key, now());
  const record = own ?? (key.upstream === adoptAs() ? await adoptTag(store, key, now()) : undefined);
  if (record === undefined) return undefined;
  if (await index.tags.adopt(record)) {
    const objectKey = own === undefined ? registryTagLinkKey(key.repository, key.tag) : tagObjectKey(key);
    if ((await store.readObject(objectKey)) !== undefined) return record;
    // The tag was purged or forgotten meanwhile.
    await index.tags.remove(key, record);
    return undefined;
  }
  // A worker has recorded the tag first, with a confirmation by the upstream, so that record counts.
  return (await index.tags.get(key, { fresh: true })) ?? record;
}

async function adoptTag(store: BlobStore, key: TagKey, nowMs: number): Promise<TagRecord | undefined> {
  const link = await store.readObject(registryTagLinkKey(key.repository, key.tag));
  const digest = link === undefined ? '' : Buffer.from(link).toString('utf8').trim();
  if (!isDigest(digest)) return undefined;
  const stat = await store.stat(digest);
  if (stat === undefined) return undefined;
  const known = { digest, mediaType: '', size: stat.size, sequence: 1, changedAtMs: nowMs, origin: 'adopted' } as const;
  return unconfirmedTag(key, known, nowMs);
}

/**
 * Returns a function that revalidates a tag in the background after a stale response. The cluster runs only one such job for a
 * tag at a time, however many clients request the tag.
 */
export function createRevalidateBehind({
  queue,
  log,
  now,
}: Pick<ResolveTagDeps, 'log' | 'now'> & { readonly queue: JobQueue }): (record: TagRecord) => void {
  const added = createRecent<string, number>({ max: maxAdded, ttlMs: addedForMs, now });

  return (record) => {
    const { upstream, repository, tag, lastTriedAtMs } = record;
    const dedupKey = workerRequestKey('revalidate-tag', record, tag);
    if (added.get(dedupKey) === lastTriedAtMs) return;
    added.set(dedupKey, lastTriedAtMs);
    const payload = { upstream, repository, tag, by: 'head', ...seenOf(record) } as const;
    queue.add('revalidate-tag', payload, { dedupKey, class: 'background' }).catch((error: unknown) => {
      added.delete(dedupKey);
      if (!isCacheError(error, 'index-unavailable', 'overloaded'))
        log.error({ err: error, upstream, repository, tag }, 'failed to enqueue background revalidation');
    });
  };
}
