// Which digest a tag names: from its record while that is fresh, confirmed by a worker when it is not, and from the
// record again when upstream cannot say.
import { type BlobStore, registryTagLinkKey } from '@cistern/blob-store';
import type { CacheIndex, TagKey, TagRecord } from '@cistern/cache-index';
import { CacheError } from '@cistern/errors';
import { isDigest } from '@cistern/oci';
import type { Logger } from '@cistern/telemetry';
import type { Ask } from '../ask.ts';
import type { CacheResult } from '../pull-through.ts';
import { readTagObject } from '../small-objects.ts';
import { ifStoreAnswers } from '../if-store-answers.ts';
import { type FreshnessPolicy, freshnessOf } from './freshness.ts';
import { type ManifestCache, takeUnsaved } from './manifest-cache.ts';

export interface ResolveTagDeps {
  readonly index: CacheIndex;
  readonly store: BlobStore;
  readonly ask: Ask;
  readonly manifests: ManifestCache;
  readonly policyOf: (upstream: string) => FreshnessPolicy;
  readonly adoptAs: string | undefined;
  readonly log: Logger;
  readonly now: () => number;
}

export interface ResolveTagOptions {
  /** `manifest`: a tag never seen before is fetched at once, instead of asking for its digest first. */
  readonly want: 'digest' | 'manifest';
  readonly force?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ResolvedTag {
  readonly record: TagRecord;
  readonly cache: CacheResult;
}

export async function resolveTag(deps: ResolveTagDeps, key: TagKey, options: ResolveTagOptions): Promise<ResolvedTag> {
  const known = (await deps.index.tags.get(key)) ?? (await ifStoreAnswers(deps.log, () => findInStore(deps, key)));
  const freshness = known && freshnessOf(known, deps.policyOf(key.upstream), deps.now());
  if (known !== undefined && options.force !== true) {
    if (freshness === 'fresh') return { record: known, cache: 'HIT' };
    if (freshness === 'failed-lately') return { record: known, cache: 'STALE' };
  }
  try {
    return await revalidate(deps, key, known, options);
  } catch (error) {
    if (known === undefined || options.signal?.aborted) throw error;
    deps.log.warn({ err: error, ...key }, 'upstream cannot confirm a tag: served stale');
    return { record: known, cache: 'STALE' };
  }
}

async function revalidate(
  { index, ask, manifests }: ResolveTagDeps,
  key: TagKey,
  known: TagRecord | undefined,
  { want, force, signal }: ResolveTagOptions,
): Promise<ResolvedTag> {
  const { upstream, repository, tag } = key;
  const by = known === undefined && want === 'manifest' ? 'get' : 'head';
  // One job whatever it asks by: a GET beside a HEAD for the same tag would bring the manifest a second time.
  // Whoever confirms it in the meantime, for another asker, spares this one's request.
  const payload = {
    upstream,
    repository,
    tag,
    by,
    ...(force !== true && { checkedAtMs: known?.checkedAtMs ?? 0 }),
  } as const;
  const asked = await ask('revalidate-tag', payload, { subject: tag, force, signal });
  takeUnsaved(manifests, asked.result);
  const record = await index.tags.get(key, { fresh: true });
  if (record === undefined)
    throw new CacheError('index-unavailable', 'The tag record just written is gone.', { retryable: true });
  if (record.digest === known?.digest) return { record, cache: 'REVALIDATED' };
  return { record, cache: asked.joined ? 'JOINED' : 'MISS' };
}

/** Our own object, else the link that a registry:2 cache left; either is stale until upstream confirms it. */
async function findInStore(deps: ResolveTagDeps, key: TagKey): Promise<TagRecord | undefined> {
  const { store, index, adoptAs, now } = deps;
  const own = await readTagObject(store, key, now());
  const record = own ?? (key.upstream === adoptAs ? await adoptTag(store, key, now()) : undefined);
  if (record === undefined || (await index.tags.adopt(record))) return record;
  // A worker was first, and has asked upstream.
  return (await index.tags.get(key, { fresh: true })) ?? record;
}

async function adoptTag(store: BlobStore, key: TagKey, nowMs: number): Promise<TagRecord | undefined> {
  const link = await store.readObject(registryTagLinkKey(key.repository, key.tag));
  const digest = link === undefined ? '' : Buffer.from(link).toString('utf8').trim();
  if (!isDigest(digest)) return undefined;
  const stat = await store.stat(digest);
  if (stat === undefined) return undefined;
  return {
    ...key,
    schema: 1,
    digest,
    mediaType: '',
    size: stat.size,
    sequence: 1,
    firstSeenAtMs: nowMs,
    changedAtMs: nowMs,
    checkedAtMs: 0,
    lastPulledAtMs: 0,
    pulls: 0,
    lastTriedAtMs: 0,
    origin: 'adopted',
  };
}
