// Job plan-prewarm, every few seconds: which tags are about to go stale and are worth a question before they do, and which
// images of the configuration's list are due.
import type { TagKey, TagRecord } from '@cistern/index';
import { isCacheError } from '@cistern/errors';
import type { JobPayload } from '@cistern/jobs';
import type { FreshnessPolicy } from '@cistern/pull-through';
import { planImages, type PlanImagesDeps } from './plan-images.ts';
import { addPrewarmTag } from './prewarm-tag.ts';

export interface PlanPrewarmDeps extends PlanImagesDeps {
  /** How many of the most popular tags are kept warm. */
  readonly top: number;
}

/** What was pulled less, of late, is let go stale. */
const minPulls = 1;
/** For the question itself. */
const slackMs = 5_000;
/** No tag is asked for more often, however short its time is. */
const minGapMs = 30_000;
/** After a try that failed, or was not made to spare the budget. */
const retryAfterMs = 5 * 60_000;

export async function planPrewarm(
  deps: PlanPrewarmDeps,
  { everyMs }: JobPayload<'plan-prewarm'>,
  signal: AbortSignal,
): Promise<null> {
  try {
    await planPopular(deps, everyMs + slackMs, signal);
    await planImages(deps, signal);
  } catch (error) {
    // The next plan comes by itself.
    if (signal.aborted || !isCacheError(error, 'overloaded', 'index-unavailable')) throw error;
    deps.log.warn({ err: error }, 'prewarming could not be planned now');
  }
  return null;
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
  if (lastFailure !== undefined && nowMs - lastTriedAtMs < retryAfterMs) return false;
  return nowMs - checkedAtMs >= Math.max(ttlMs - leadMs, minGapMs);
}
