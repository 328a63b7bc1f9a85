// Every few seconds: which tags are about to go stale and are worth a question before they do, and which
// images of the configuration's list are due.
import { posix } from 'node:path';
import { isCacheError } from '@cistern/errors';
import { type CacheIndex, repositoryPath, type TagKey, type TagRecord } from '@cistern/index';
import { OciSyntaxError, parseTag, type RepositoryName, type Tag } from '@cistern/oci';
import { elapsedMs, type FreshnessPolicy, upstreamOf } from '@cistern/pull-through';
import { addPrewarmTag, type PrewarmTagDeps } from './prewarm-tag.ts';

/** As configured. */
export interface PrewarmPlan {
  /** How many of the most popular tags are kept warm; 0: none. */
  readonly top: number;
  readonly images: readonly PrewarmImage[];
  /** The limit of each worker while no client waits; Infinity means as fast as they come. */
  readonly bytesPerSecond: number;
}

export interface PrewarmImage {
  readonly upstream: string;
  readonly repository: RepositoryName;
  /** Tags, or patterns of tags as a shell has them. */
  readonly tags: readonly string[];
  /** As `platformName` has them; empty: those that are pulled. */
  readonly platforms: readonly string[];
  /** How often: every so many milliseconds, or by a cron expression, in UTC. */
  readonly when: { readonly everyMs: number } | { readonly cron: string };
}

export interface PlanPrewarmDeps
  extends
    Pick<PrewarmTagDeps, 'index' | 'upstreams' | 'policyOf' | 'queue' | 'log' | 'now'>,
    Pick<PrewarmPlan, 'top' | 'images'> {
  readonly isOffline: (upstream: string) => boolean;
}

/** What was pulled less, of late, is let go stale. */
const minPulls = 1;
/** For the question itself. */
const slackMs = 5_000;
/** No tag is asked for more often, however short its time is. */
const minGapMs = 30_000;
/** After a try that failed, or was not made to spare the budget. */
const retryAfterMs = 5 * 60_000;
/** A run that is forgotten is made up for at once, so this is longer than anybody's interval. */
const keepLastMs = 400 * 24 * 3_600_000;
/** More tags of one image come from a pattern that was not meant so. */
const maxTags = 1000;
const pageSize = 1000;

/** Adds what is to be fetched early now. `everyMs`: when the next plan comes. Rejects with `overloaded` or `index-unavailable`. */
export async function planPrewarm(deps: PlanPrewarmDeps, everyMs: number, signal: AbortSignal): Promise<void> {
  await planPopular(deps, everyMs + slackMs, signal);
  await planImages(deps, signal);
}

/** The most popular first. */
async function planPopular(deps: PlanPrewarmDeps, leadMs: number, signal: AbortSignal): Promise<void> {
  const { index, isOffline, policyOf, now, top } = deps;
  if (top === 0) return;
  for (const { upstream, repository, tag, pulls } of await index.popularity.tags(top)) {
    signal.throwIfAborted();
    if (pulls < minPulls) return;
    const key: TagKey = { upstream, repository, tag };
    if (!deps.upstreams.has(upstream) || isOffline(upstream)) continue;
    const record = await index.tags.get(key);
    if (record === undefined || !goesStale(record, policyOf(upstream, tag), now(), leadMs)) continue;
    await addPrewarmTag(deps, { ...key, checkedAtMs: record.checkedAtMs });
  }
}

function goesStale(
  { checkedAtMs, lastTriedAtMs, lastFailure }: TagRecord,
  { ttlMs }: FreshnessPolicy,
  nowMs: number,
  leadMs: number,
): boolean {
  if (lastFailure !== undefined && elapsedMs(lastTriedAtMs, nowMs) < retryAfterMs) return false;
  return elapsedMs(checkedAtMs, nowMs) >= Math.max(ttlMs - leadMs, minGapMs);
}

/** The list of images in the configuration: those that are due, each of their tags as a job. */
async function planImages(deps: PlanPrewarmDeps, signal: AbortSignal): Promise<void> {
  const { index, log, now, isOffline } = deps;
  for (const image of deps.images) {
    signal.throwIfAborted();
    if (isOffline(image.upstream) || !(await isDue(image.when, await readLast(index, image), now()))) continue;
    const { upstream, repository } = image;
    try {
      await planImage(deps, image, signal);
      await index.values.put(lastRunOf(image), String(now()), keepLastMs);
    } catch (error) {
      if (signal.aborted || isCacheError(error, 'index-unavailable', 'overloaded') || !isCacheError(error)) throw error;
      log.warn({ err: error, upstream, repository }, 'an image of the list cannot be prewarmed now');
    }
  }
}

async function planImage(deps: PlanPrewarmDeps, image: PrewarmImage, signal: AbortSignal): Promise<void> {
  const { upstream, repository, platforms } = image;
  for (const tag of await tagsOf(deps, image, signal))
    await addPrewarmTag(deps, { upstream, repository, tag, platforms });
}

/** Upstream is asked for its tags only where there are patterns. */
async function tagsOf(
  deps: PlanPrewarmDeps,
  { upstream: name, repository, tags }: PrewarmImage,
  signal: AbortSignal,
): Promise<readonly Tag[]> {
  const given = tags.flatMap((text) => toTag(text) ?? []);
  const patterns = tags.filter((text) => toTag(text) === undefined);
  if (patterns.length === 0) return given;
  const found = new Set(given);
  const upstream = upstreamOf(deps, name);
  for (let last: string | undefined; ;) {
    const page = await upstream.listTags(repository, { n: pageSize, last }, { signal, purpose: 'prewarm' });
    for (const text of page.tags) {
      const tag = toTag(text);
      if (tag !== undefined && patterns.some((pattern) => posix.matchesGlob(tag, pattern))) found.add(tag);
    }
    if (found.size > maxTags) {
      deps.log.warn({ upstream: name, repository, patterns, maxTags }, 'patterns of the list match too many tags');
      return [...found].slice(0, maxTags);
    }
    if (page.next === undefined || page.next.last === last) return [...found];
    last = page.next.last;
  }
}

function toTag(text: string): Tag | undefined {
  try {
    return parseTag(text);
  } catch (error) {
    if (error instanceof OciSyntaxError) return undefined;
    throw error;
  }
}

async function readLast(index: Pick<CacheIndex, 'values'>, image: PrewarmImage): Promise<number | undefined> {
  const value = await index.values.get(lastRunOf(image));
  return value === undefined ? undefined : Number(value);
}

/** Another entry for the same repository, or another schedule, has runs of its own. */
function lastRunOf({ tags, platforms, when, ...key }: PrewarmImage): string {
  return `prewarm-image ${JSON.stringify([repositoryPath(key), tags, platforms, when])}`;
}

/** `lastAtMs`: of the last run; without one it is due at once. */
async function isDue(when: PrewarmImage['when'], lastAtMs: number | undefined, nowMs: number): Promise<boolean> {
  if (lastAtMs === undefined) return true;
  if ('everyMs' in when) return nowMs - lastAtMs >= when.everyMs;
  const { CronExpressionParser } = await import('cron-parser');
  const expression = CronExpressionParser.parse(when.cron, { currentDate: new Date(lastAtMs), tz: 'UTC' });
  return expression.next().getTime() <= nowMs;
}
