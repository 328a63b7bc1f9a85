// Describes the results of the replay as a table.
import type { Share } from './replay-events.ts';
import { policyNames, type ReplayResult, type ReplayRow, type ReplaySimulation } from './simulate-replay.ts';

const headings = ['', 'hits', 'bytes', 'pulls', 'moved', '(popular)', 'upstream', 'prewarmed'];
const widths = [22, 8, 8, 8, 8, 10, 11, 11];

export function describeReplay({ tags, pulls, days, prewarm }: ReplaySimulation, result: ReplayResult): string {
  const { footprint, objects, requests, heads, rows } = result;
  return [
    `${pulls} pulls of ${tags} tags in ${days} days: ${requests} requests for ${objects} objects of ${gigabytes(footprint)}.`,
    `Prewarming: the most popular ${prewarm.topTags} tags every ${prewarm.everyMs / 1000} s, at ${prewarm.bytesPerSecond / 1e6} MB/s at most; ${heads.prewarmed} HEADs instead of ${heads.plain}.`,
    'hits, bytes: share of all requests. pulls: with all objects cached. moved: first pulls after a move. popular: a tenth of tags.',
    ...rows.map(describeRow),
    '',
  ].join('\n\n');
}

/**
 * No policy exceeds the bound. With enough space, prewarming turns nine of ten misses on moved popular tags into hits.
 */
export function isAsPromised({ rows }: ReplayResult): boolean {
  const all = rows.flatMap(({ policies, bound }) =>
    Object.values(policies).map((replayed) => ({ ...replayed, bound })),
  );
  const isBounded = all.every(
    ({ bound, ...one }) => ratio(one.requests) <= bound.requests && ratio(one.bytes) <= bound.bytes,
  );
  const largest = rows.findLast(({ prewarmed }) => prewarmed);
  return isBounded && largest !== undefined && ratio(largest.policies.LRU.movedPopular) >= 0.9;
}

export function ratio({ of, got }: Share): number {
  return of === 0 ? 0 : got / of;
}

function describeRow({ prewarmed, capacityShare, capacity, policies, bound }: ReplayRow): string {
  const title = `Space for ${percent(capacityShare)} (${gigabytes(capacity)}), ${prewarmed ? 'prewarmed' : 'not prewarmed'}`;
  const lines = policyNames.map((name) => {
    const { requests, bytes, pulls, moved, movedPopular, upstreamBytes, prewarmedBytes } = policies[name];
    const shares = [requests, bytes, pulls, moved, movedPopular].map((share) => percent(ratio(share)));
    return [name, ...shares, gigabytes(upstreamBytes), gigabytes(prewarmedBytes)];
  });
  const limit = ['bound (PFOO-L)', percent(bound.requests), percent(bound.bytes)];
  return [title, ...[headings, ...lines, limit].map(columns)].join('\n');
}

function columns(cells: readonly string[]): string {
  return cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!))).join('');
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(0)} GB`;
}
