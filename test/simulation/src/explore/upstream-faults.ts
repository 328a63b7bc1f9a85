// Creates the upstream of a run, with the planned faults.
import { CacheError } from '@cistern/errors';
import type { Digest } from '@cistern/oci';
import type { BlobGet, UpstreamFaults } from '../cluster/simulated-upstream.ts';
import type { Random } from '../world/random.ts';
import { schedule } from '../world/schedule.ts';
import type { FaultKind, PlannedFault } from './fault-plan.ts';

/** Longest time between chunks in runs with late readers. */
export const lateChunkMs = 3_000;

const refusals = [
  () => new CacheError('upstream-rate-limited', 'simulated: too many requests'),
  () => new CacheError('upstream-unreachable', 'simulated: no response', { retryable: true }),
  () => new CacheError('blob-unknown', 'simulated: missing for a moment'),
];

export function createUpstreamFaults(
  faults: readonly PlannedFault[],
  random: Random,
): UpstreamFaults & { isOver: boolean } {
  const find = (kind: FaultKind) => faults.find((fault) => fault.kind === kind);
  const stalls = find('upstream stalls');
  const breaks = find('upstream breaks');
  const lies = find('upstream lies');
  const refuses = find('upstream refuses');
  // Bytes that are sent for the first time arrive slowly, as from a mirror that must fetch them first. Meanwhile, late
  // readers read alongside the fill.
  const isSlow = find('late readers') !== undefined;
  const furthest = new Map<Digest, number>();
  const hasNoRanges = find('no ranges') !== undefined;
  const state = {
    isOver: false,
    answerMs: () => random.fraction() * (stalls === undefined || state.isOver ? 30 : 3_000),
    chunkMs({ digest, from, sentBytes }: Pick<BlobGet, 'digest' | 'from' | 'sentBytes'>) {
      const at = from + sentBytes;
      if (isSlow && !state.isOver && at > (furthest.get(digest) ?? -1)) {
        furthest.set(digest, at);
        return random.fraction() * lateChunkMs;
      }
      return random.chance(0.3) ? random.fraction() * (stalls === undefined || state.isOver ? 20 : 1_500) : 0.05;
    },
    breakAt: (_get: unknown, size: number) =>
      breaks !== undefined && !state.isOver && random.chance(0.4) ? random(size) : undefined,
    lie(_get: unknown, part: Buffer) {
      if (lies === undefined || state.isOver || part.length === 0 || !random.chance(0.4)) return undefined;
      const lie = Buffer.from(part);
      const at = random(lie.length);
      lie[at] = lie[at]! ^ 1;
      return random.chance(0.5) ? lie : lie.subarray(0, random(lie.length));
    },
    sizeOf(size: number) {
      if (lies === undefined || state.isOver || !random.chance(0.15)) return size;
      return random.chance(0.5) ? undefined : size + 1;
    },
    refusesRange: () => hasNoRanges || (refuses !== undefined && !state.isOver && random.chance(0.2)),
    refusesExtra: () => refuses !== undefined && !state.isOver && random.chance(0.4),
    refuse() {
      if (refuses === undefined || state.isOver || schedule.nowMs > refuses.lastsMs || !random.chance(refuses.degree))
        return undefined;
      return random.pick(refusals)();
    },
  };
  return state;
}
