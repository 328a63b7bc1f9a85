// Plans every few seconds which popular tags are confirmed before they are due, and which configured images are
// prewarmed.
import { posix } from 'node:path';
import { isCacheError } from '@cistern/errors';
import { type CacheIndex, repositoryPath, type TagKey, type TagRecord } from '@cistern/index';
import { OciSyntaxError, parseTag, type RepositoryName, type Tag } from '@cistern/oci';
import { elapsedMs, type FreshnessPolicy, upstreamOf } from '@cistern/pull-through';
import { addPrewarmTag, type PrewarmTagDeps } from './prewarm-tag.ts';

/** The configuration of prewarming. */
export interface PrewarmPlan {
  /** How many of the most popular tags are kept fresh. 0 means none. */
  readonly top: number;
  readonly images: readonly PrewarmImage[];
  /**
   * The bandwidth that prewarming may use in each worker while no client waits for the blob. Infinity means no limit.
   */
  readonly bytesPerSecond: number;
}

export interface PrewarmImage {
  readonly upstream: string;
  readonly repository: RepositoryName;
  /** Tags, or globs of tags as in a shell. */
  readonly tags: readonly string[];
  /** Names in the form of `platformName`. Empty means the platforms that clients pull. */
  readonly platforms: readonly string[];
  /** The schedule: an interval in milliseconds, or a cron expression in UTC. */
  readonly when: { readonly everyMs: number } | { readonly cron: string };
}

export interface PlanPrewarmDeps
  extends
    Pick<PrewarmTagDeps, 'index' | 'upstreams' | 'policyOf' | 'queue' | 'log' | 'now'>,
    Pick<PrewarmPlan, 'top' | 'images'> {
  readonly isOffline: (upstream: string) => boolean;
  /** Returns false for an upstream that a reload has removed, which `upstreams` may still have for running jobs. */
  readonly isConfigured: (upstream: string) => boolean;
}

/** Tags with fewer recent pulls than this are not confirmed before they are due. */
const minPulls = 1;
/** The time that the confirmation itself may take. */
const slackMs = 5_000;
/** The minimum time between two confirmations of a tag, even if its TTL is shorter. */
const minGapMs = 30_000;
/** The pause after a confirmation that failed, or that was not sent because few pulls were left. */
const retryAfterMs = 5 * 60_000;
/**
 * How long the last run of an image is remembered. This is longer than any interval, because an image without a
 * remembered run is due immediately.
 */
const keepLastMs = 400 * 24 * 3_600_000;
/** The maximum number of tags for one configured image. A pattern that matches more is probably a mistake. */
const maxTags = 1000;
const pageSize = 1000;

/**
 * Adds the jobs that are due. `everyMs` is the time until the next call. Rejects with `overloaded` or
 * `index-unavailable`.
 */
export async function planPrewarm(deps: PlanPrewarmDeps, everyMs: number, signal: AbortSignal): Promise<void> {
  await planPopular(deps, everyMs + slackMs, signal);
  await planImages(deps, signal);
}

/** Adds jobs for popular tags, the most popular first. */
async function planPopular(deps: PlanPrewarmDeps, leadMs: number, signal: AbortSignal): Promise<void> {
  const { index, isOffline, isConfigured, policyOf, now, top } = deps;
  if (top === 0) return;
  for (const { upstream, repository, tag, pulls } of await index.popularity.tags(top)) {
    signal.throwIfAborted();
    if (pulls < minPulls) return;
    const key: TagKey = { upstream, repository, tag };
    if (!isConfigured(upstream) || isOffline(upstream)) continue;
    const record = await index.tags.get(key);
    if (record === undefined || !isNearlyDue(record, policyOf(upstream, tag), now(), leadMs)) continue;
    await addPrewarmTag(deps, { ...key, checkedAtMs: record.checkedAtMs });
  }
}

function isNearlyDue(
  { checkedAtMs, lastTriedAtMs, lastFailure }: TagRecord,
  { ttlMs }: FreshnessPolicy,
  nowMs: number,
  leadMs: number,
): boolean {
  if (lastFailure !== undefined && elapsedMs(lastTriedAtMs, nowMs) < retryAfterMs) return false;
  return elapsedMs(checkedAtMs, nowMs) >= Math.max(ttlMs - leadMs, minGapMs);
}

/** Adds a job for each tag of the configured images that are due. */
async function planImages(deps: PlanPrewarmDeps, signal: AbortSignal): Promise<void> {
  const { index, log, now, isOffline, isConfigured } = deps;
  for (const image of deps.images) {
    signal.throwIfAborted();
    if (!isConfigured(image.upstream) || isOffline(image.upstream)) continue;
    if (!(await isDue(image.when, await readLast(index, image), now()))) continue;
    const { upstream, repository } = image;
    try {
      await planImage(deps, image, signal);
      await index.values.put(lastRunOf(image), String(now()), keepLastMs);
    } catch (error) {
      if (signal.aborted || isCacheError(error, 'index-unavailable', 'overloaded') || !isCacheError(error)) throw error;
      log.warn({ err: error, upstream, repository }, 'failed to plan prewarm of configured image');
    }
  }
}

async function planImage(deps: PlanPrewarmDeps, image: PrewarmImage, signal: AbortSignal): Promise<void> {
  const { upstream, repository, platforms } = image;
  for (const tag of await tagsOf(deps, image, signal))
    await addPrewarmTag(deps, { upstream, repository, tag, platforms });
}

/** Returns the tags of an image. It fetches the upstream's list of tags only if there are patterns. */
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
      deps.log.warn({ upstream: name, repository, patterns, maxTags }, 'prewarm patterns match too many tags');
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

/**
 * Returns the key under which the last run of an entry is stored. The key contains the tags, platforms and schedule, so
 * entries of one repository have different keys.
 */
function lastRunOf({ tags, platforms, when, ...key }: PrewarmImage): string {
  return `prewarm-image ${JSON.stringify([repositoryPath(key), tags, platforms, when])}`;
}

/** `lastAtMs` is the time of the last run. Without one the image is due immediately. */
async function isDue(when: PrewarmImage['when'], lastAtMs: number | undefined, nowMs: number): Promise<boolean> {
  if (lastAtMs === undefined) return true;
  if ('everyMs' in when) return nowMs - lastAtMs >= when.everyMs;
  const { CronExpressionParser } = await import('cron-parser');
  const expression = CronExpressionParser.parse(when.cron, { currentDate: new Date(lastAtMs), tz: 'UTC' });
  return expression.next().getTime() <= nowMs;
}
