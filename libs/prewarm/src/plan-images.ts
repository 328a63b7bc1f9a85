// The list of images in the configuration: those that are due, each of their tags as a job.
import { posix } from 'node:path';
import { type CacheIndex, repositoryPath } from '@cistern/index';
import { isCacheError } from '@cistern/errors';
import { OciSyntaxError, parseTag, type Tag } from '@cistern/oci';
import { upstreamOf } from '@cistern/pull-through';
import type { PrewarmImage } from './prewarm-plan.ts';
import { addPrewarmTag, type PrewarmTagDeps } from './prewarm-tag.ts';

export interface PlanImagesDeps extends PrewarmTagDeps {
  readonly isOffline: (upstream: string) => boolean;
  readonly images: readonly PrewarmImage[];
}

/** A run that is forgotten is made up for at once, so this is longer than anybody's interval. */
const keepLastMs = 400 * 24 * 3_600_000;
/** Of one image, by patterns: more is a pattern that was not meant so. */
const maxTags = 1000;
const pageSize = 1000;

export async function planImages(deps: PlanImagesDeps, signal: AbortSignal): Promise<void> {
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

async function planImage(deps: PlanImagesDeps, image: PrewarmImage, signal: AbortSignal): Promise<void> {
  const { upstream, repository, platforms } = image;
  for (const tag of await tagsOf(deps, image, signal))
    await addPrewarmTag(deps, { upstream, repository, tag, platforms });
}

/** Upstream is asked for its tags only where there are patterns. */
async function tagsOf(
  deps: PlanImagesDeps,
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
