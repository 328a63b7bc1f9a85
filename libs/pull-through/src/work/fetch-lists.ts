// Runs the jobs fetch-tags and fetch-referrers, which fetch one page of a list from the upstream. Nodes share a recent page, and a
// recent failure.
import type { FetchedList, JobContext, JobPayload, ReferrersPage, TagsPage } from '@cistern/jobs';
import { isDeepStrictEqual } from 'node:util';
import { elapsedMs, recentFailure, failureKindOf, isRefusal, retryAfterFailureMs } from '../freshness/freshness.ts';
import { ifStoreAvailable } from '@cistern/content';
import { keepList, type ListPage, readKeptList, type ListPlace, placeOf } from '../lists/kept-list.ts';
import { type WorkDeps, upstreamOf } from './work-deps.ts';

type ListDeps = Pick<WorkDeps, 'upstreams' | 'index' | 'store' | 'log' | 'now'>;

/** The state of a page that nodes share in the index. The page itself is in the store. */
interface ListState {
  readonly checkedAtMs?: number;
  readonly failedAtMs?: number;
  readonly failure?: string;
}

type ListContext = Pick<JobContext, 'signal' | 'handsOver'>;

/** Longer than the TTL of any list. */
const stateTtlMs = 24 * 3_600_000;

export async function fetchTags(
  deps: ListDeps,
  { maxAgeMs = 0, ...query }: JobPayload<'fetch-tags'>,
  context: ListContext,
): Promise<FetchedList<TagsPage>> {
  const { upstream, repository, n, last } = query;
  return fetchList(deps, { upstream, place: placeOf('tags', query), maxAgeMs, ...context }, async () =>
    upstreamOf(deps, upstream).listTags(repository, { n, last }, { signal: context.signal }),
  );
}

export async function fetchReferrers(
  deps: ListDeps,
  { maxAgeMs = 0, ...query }: JobPayload<'fetch-referrers'>,
  context: ListContext,
): Promise<FetchedList<ReferrersPage>> {
  const { upstream, repository, digest, artifactType, nextQuery } = query;
  const options = { artifactType, nextQuery };
  return fetchList(deps, { upstream, place: placeOf('referrers', query), maxAgeMs, ...context }, async () => {
    const { signal } = context;
    const { bytes, ...page } = await upstreamOf(deps, upstream).listReferrers(repository, digest, options, { signal });
    return { bytesBase64: bytes.toString('base64'), ...page };
  });
}

interface ListJob extends ListContext {
  readonly upstream: string;
  readonly place: ListPlace;
  readonly maxAgeMs: number;
}

async function fetchList<Page extends ListPage>(
  deps: ListDeps,
  job: ListJob,
  fetchPage: () => Promise<Page>,
): Promise<FetchedList<Page>> {
  const { now, store, log } = deps;
  const { upstream, place, maxAgeMs, signal, handsOver } = job;
  const state = await readState(deps, place);
  if (maxAgeMs > 0) {
    const { checkedAtMs, failure, failedAtMs = 0 } = state;
    if (checkedAtMs !== undefined && elapsedMs(checkedAtMs, now()) < maxAgeMs) {
      const kept = await ifStoreAvailable(log, () => readKeptList(store, place));
      if (kept !== undefined) return { ...(kept.page as Page), checkedAtMs, wasKept: true };
    }
    const holdsForMs = retryAfterFailureMs - elapsedMs(failedAtMs, now());
    if (failure !== undefined && holdsForMs > 0) throw recentFailure(upstream, failure, holdsForMs);
  }
  let page: Page;
  try {
    page = await fetchPage();
  } catch (error) {
    // A shutdown or a local failure of this worker is no failure of the list, so it is not recorded.
    if (!signal.aborted && (await handsOver?.(error)) === undefined) await recordFailure(deps, place, state, error);
    throw error;
  }
  const checkedAtMs = now();
  await keep(deps, place, page, checkedAtMs);
  await writeState(deps, place, { checkedAtMs });
  return { ...page, checkedAtMs };
}

/** Stores the page, which is served while the upstream is unavailable. Failures of the store are ignored. */
async function keep({ store, log }: ListDeps, place: ListPlace, page: ListPage, keptAtMs: number): Promise<void> {
  await ifStoreAvailable(log, async () => {
    const kept = await readKeptList(store, place);
    if (!isDeepStrictEqual(kept?.page, page)) await keepList(store, place, { page, keptAtMs });
  });
}

/**
 * Shares a failure with other nodes. A refusal is not shared, because it may end soon. Instead it removes the stored page and
 * its shared state.
 */
async function recordFailure(deps: ListDeps, place: ListPlace, state: ListState, error: unknown): Promise<void> {
  const failure = failureKindOf(error);
  if (!isRefusal(failure)) return writeState(deps, place, { ...state, failedAtMs: deps.now(), failure });
  await deps.index.values.remove(place.name);
  await ifStoreAvailable(deps.log, async () => {
    if ((await readKeptList(deps.store, place)) !== undefined) await deps.store.removeObject(place.objectKey);
  });
}

async function readState({ index }: ListDeps, { name }: ListPlace): Promise<ListState> {
  const value = await index.values.get(name);
  return value === undefined ? {} : (JSON.parse(value) as ListState);
}

async function writeState({ index }: ListDeps, { name }: ListPlace, state: ListState): Promise<void> {
  await index.values.put(name, JSON.stringify(state), stateTtlMs);
}
