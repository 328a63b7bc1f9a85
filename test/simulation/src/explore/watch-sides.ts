// Checks that all fills of a blob together read at most its size alongside them. A fill that continues from a
// checkpoint has the rest of that budget, plus the bytes since the last heartbeats. A fill without a checkpoint has the
// whole budget. Ranges that a fill requests before it fetches the whole blob have no limit, but count.
import type { FillRecord } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import { isLive, recordedCheckpoint } from '../cluster/recorded-checkpoint.ts';
import type { SimulatedCluster } from '../cluster/start-cluster.ts';
import { plan, schedule } from '../world/schedule.ts';

export interface SidesOptions {
  readonly digest: Digest;
  readonly size: number;
  /** True if the bytes have no limit, because fills can stop using the store or no reader requests the whole blob. */
  readonly isUnbounded: boolean;
}

const everyMs = 200;

/**
 * Checks periodically until `end`. It counts only the bytes that the owner of the record reads. `watchLeases` covers
 * the other workers.
 */
export function watchSides(
  { shared, upstream, workers }: SimulatedCluster,
  { digest, size, isUnbounded }: SidesOptions,
  problem: (text: string) => void,
) {
  let isOver = isUnbounded;
  let last: FillRecord | undefined;
  let sinceMs = -1;
  let spent = 0;
  /** The values of `spent` at the last two checks. */
  let before: readonly [number, number] = [0, 0];
  /** The part of `spent` that the record contains for certain. */
  let recorded = 0;
  /** The value of `spent` with which the fill began. */
  let carried = 0;
  let most = size;
  const seen = new Map<object, number>();

  const getsOf = (address: string | undefined) => {
    const owner = workers.find((worker) => worker.address === address)?.owner;
    return upstream.gets.filter((get) => get.digest === digest && get.owner === owner && get.beganAtMs > sinceMs);
  };

  const spentSince = (address: string | undefined) => {
    let sum = 0;
    for (const get of getsOf(address)) sum += get.sideBytes - (seen.get(get) ?? 0);
    for (const get of upstream.gets) seen.set(get, get.sideBytes);
    return sum;
  };

  /** Returns the bytes of the ranges that the fill requested before the whole blob. */
  const requestedBeforeWhole = (address: string | undefined) => {
    let sum = 0;
    for (const { from, toExclusive } of getsOf(address)) {
      if (toExclusive === undefined) break;
      sum += toExclusive - from;
    }
    return sum;
  };

  /** Returns the number of bytes with which the fill of a new record starts its count. */
  const carriedOn = (record: FillRecord): number => {
    const { sideBytes = 0 } = recordedCheckpoint(record) ?? {};
    // An older fill that has restored its record counts only its own bytes.
    const isBack = last !== undefined && record.generation < last.generation;
    return record.checkpoint === undefined ? 0 : Math.min(spent, isBack ? sideBytes : recorded);
  };

  const check = async () => {
    const record = await shared.index.fills.read(digest);
    // While the index has no record, the owner of the fill is unknown.
    spent += spentSince(last?.address);
    if (record !== undefined && !isLive(record)) {
      last = undefined;
      sinceMs = schedule.nowMs;
    } else if (record !== undefined) {
      const isMoved = record.generation !== last?.generation;
      if (isMoved) spent = carried = carriedOn(record);
      if (isMoved && last !== undefined) sinceMs = schedule.nowMs;
      if (isMoved || record.checkpoint !== last?.checkpoint) recorded = isMoved ? spent : before[0];
      last = record;
    }
    before = [before[1], spent];
    if (last !== undefined) most = Math.max(size, carried + requestedBeforeWhole(last.address));
    if (spent > most && !isOver) problem(`${spent} bytes were read alongside the fills of a blob of ${size}`);
  };
  const checkAgain = () => {
    if (isOver) return;
    void check();
    plan(everyMs, checkAgain, { owner: undefined, label: 'watch of side reads', keepsAlive: false });
  };
  checkAgain();
  return {
    end() {
      isOver = true;
    },
  };
}
