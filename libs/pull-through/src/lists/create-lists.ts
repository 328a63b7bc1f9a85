// Serves lists of tags and referrers to clients. A fresh page comes from memory, else from a worker. While the upstream is
// unavailable, the stored page is served.
import type { BlobStore } from '@cistern/blob-store';
import type { JobName, JobPayload, ReferrersPage, TagsPage } from '@cistern/jobs';
import type { Logger, Metrics, StaleReason } from '@cistern/telemetry';
import { LRUCache } from 'lru-cache';
import type { RequestFromWorker } from '../requests/request-from-worker.ts';
import { elapsedMs, type FreshnessPolicy, mayServeOnError, failureKindOf, isRefusal } from '../freshness/freshness.ts';
import { ifStoreAvailable } from '@cistern/content';
import type { CacheResult, FreshnessFacts, FreshnessOptions, PullThrough } from '../requests/pull-through.ts';
import { type ListPage, readKeptList, type ListName, type ListQuery, placeOf } from './kept-list.ts';

export type ListPolicy = Pick<FreshnessPolicy, 'ttlMs' | 'staleIfErrorMs'>;

export interface ListsDeps {
  readonly requestFromWorker: RequestFromWorker;
  readonly store: BlobStore;
  readonly listPolicyOf: (upstream: string) => ListPolicy;
  readonly isOffline: (upstream: string) => boolean;
  readonly log: Logger;
  readonly metrics: Pick<Metrics, 'staleAnswers'>;
  readonly now: () => number;
}

interface Known {
  readonly page: ListPage;
  readonly checkedAtMs: number;
}

/** The most bytes of remembered pages, counted as JSON. */
const maxRememberedBytes = 16 * 1024 * 1024;
/** How long a request that could be served from a remembered page waits for an upstream that does not respond. */
const patienceMs = 5_000;

/** Creates the use cases of lists. `forget` removes all pages from memory. */
export function createLists(
  deps: ListsDeps,
): Pick<PullThrough, 'listTags' | 'listReferrers'> & { readonly forget: () => void } {
  const { requestFromWorker, store, listPolicyOf, isOffline, log, metrics, now } = deps;
  const remembered = new LRUCache<string, Known>({
    maxSize: maxRememberedBytes,
    sizeCalculation: ({ page }) => JSON.stringify(page).length + 512,
  });

  async function list(
    name: Extract<JobName, `fetch-${ListName}`>,
    listName: ListName,
    query: ListQuery,
    {
      forceRevalidation: force = false,
      maxAgeMs = Infinity,
      signal,
    }: FreshnessOptions & { signal?: AbortSignal | undefined },
  ): Promise<ListPage & FreshnessFacts> {
    const { upstream } = query;
    const place = placeOf(listName, query);
    const policy = listPolicyOf(upstream);
    const freshForMs = force ? 0 : Math.min(policy.ttlMs, maxAgeMs);
    const known = remembered.get(place.name);
    const answer = ({ page, checkedAtMs }: Known, cache: CacheResult, staleBecause?: StaleReason) => {
      if (staleBecause !== undefined) metrics.staleAnswers.inc({ upstream, reason: staleBecause });
      return { ...page, cache, ageMs: Math.max(0, now() - checkedAtMs), ...(staleBecause && { staleBecause }) };
    };
    if (known !== undefined && elapsedMs(known.checkedAtMs, now()) < freshForMs) return answer(known, 'HIT');
    try {
      const payload = { ...query, maxAgeMs: freshForMs } as JobPayload<typeof name>;
      // A forced request does not share a job with other requests, because their job may return a stored page.
      const subject = `${force ? 'anew ' : ''}${place.name}`;
      const patience = known !== undefined && !force ? { patienceMs } : {};
      const { result, joined } = await requestFromWorker(name, payload, { subject, force, signal, ...patience });
      const { checkedAtMs = now(), wasKept = false, ...page } = result;
      const fetched = { page, checkedAtMs };
      remembered.set(place.name, fetched);
      return answer(fetched, wasKept ? 'HIT' : joined ? 'JOINED' : 'MISS');
    } catch (error) {
      if (signal?.aborted) throw error;
      if (isRefusal(failureKindOf(error))) {
        remembered.delete(place.name);
        throw error;
      }
      const kept = known ?? (await findKept(place));
      if (kept === undefined || !mayServeOnError(now() - kept.checkedAtMs, policy)) throw error;
      log.warn(
        { err: error, upstream, repository: query.repository },
        'failed to fetch tags or referrers, serving stale',
      );
      return answer(kept, 'STALE', isOffline(upstream) ? 'offline' : 'failing');
    }
  }

  async function findKept(place: ReturnType<typeof placeOf>): Promise<Known | undefined> {
    const kept = await ifStoreAvailable(log, () => readKeptList(store, place));
    return kept && { page: kept.page, checkedAtMs: kept.keptAtMs };
  }

  return {
    forget: () => remembered.clear(),
    async listTags({ target, n, last, ...freshness }) {
      const { upstream, repository } = target;
      const query = { upstream, repository, ...(n !== undefined && { n }), ...(last !== undefined && { last }) };
      return (await list('fetch-tags', 'tags', query, freshness)) as TagsPage & FreshnessFacts;
    },
    async listReferrers({ target, digest, artifactType, nextQuery, ...freshness }) {
      const { upstream, repository } = target;
      const query = {
        upstream,
        repository,
        digest,
        ...(artifactType !== undefined && { artifactType }),
        ...(nextQuery !== undefined && { nextQuery }),
      };
      return (await list('fetch-referrers', 'referrers', query, freshness)) as ReferrersPage & FreshnessFacts;
    },
  };
}
