// What is read beside all fills of a blob is bounded by its size. A fill that goes on with another one's checkpoint goes on with what
// that had spent, but for what the last heartbeats did not tell. A fill that begins anew has as much again.
import type { FillRecord } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import { isLive, recordedCheckpoint } from '../cluster/recorded-checkpoint.ts';
import type { SimulatedCluster } from '../cluster/start-cluster.ts';
import { plan, schedule } from '../world/schedule.ts';

export interface SidesOptions {
  readonly digest: Digest;
  readonly size: number;
  /** The budget does not hold where it is so: the store may be given up, or readers want no whole. */
  readonly isUnbounded: boolean;
}

const everyMs = 200;
/** As long as one that has lost its record may go on. */
const graceMs = 1_800;

interface Move {
  readonly atMs: number;
  /** Where the fill now is. */
  readonly address: string;
  /** What the record knew to be read. */
  readonly toldBytes: number;
  /** Whether the fill has none of the checkpoints of another one. */
  readonly isAnew: boolean;
}

/** Looks from time to time, until `end`. */
export function watchSides(
  { shared, upstream, workers }: SimulatedCluster,
  { digest, size, isUnbounded }: SidesOptions,
  problem: (text: string) => void,
) {
  let isOver = isUnbounded;
  let allowed = size;
  let last: FillRecord | undefined;
  /** What had been read at the last two looks, and when the record last told something new. */
  let before: readonly [number, number] = [0, 0];
  let toldBytes = 0;
  let move: Move | undefined;

  const readBy = (isWanted: (get: SimulatedCluster['upstream']['gets'][number]) => boolean) =>
    upstream.gets.reduce((sum, get) => sum + (get.digest === digest && isWanted(get) ? get.sideBytes : 0), 0);

  /** The worker before it has stopped by now. */
  const settle = ({ atMs, address, isAnew, toldBytes: told }: Move) => {
    const owner = workers.find((worker) => worker.address === address)?.owner;
    const readBefore = readBy((get) => get.beganAtMs <= atMs || get.owner !== owner);
    allowed = isAnew ? readBefore + size : allowed + readBefore - told;
  };

  const look = async () => {
    const record = await shared.index.fills.read(digest);
    if (isLive(record)) {
      const isMoved = last !== undefined && record.generation !== last.generation;
      const isAnew = recordedCheckpoint(record) === undefined || move?.isAnew === true;
      const told = Math.min(move?.toldBytes ?? Infinity, toldBytes);
      if (isMoved) move = { atMs: schedule.nowMs, address: record.address, toldBytes: told, isAnew };
      if (isMoved || record.checkpoint !== last?.checkpoint) [toldBytes] = before;
      last = record;
    }
    if (move !== undefined && schedule.nowMs - move.atMs > graceMs) {
      settle(move);
      move = undefined;
    }
    const read = readBy(() => true);
    before = [before[1], read];
    if (move === undefined && read > allowed && !isOver)
      problem(`${read} bytes were read beside the fills of a blob of ${size}, not ${allowed}`);
  };
  const lookAgain = () => {
    if (isOver) return;
    void look();
    plan(everyMs, lookAgain, { owner: undefined, label: 'watch of side reads', keepsAlive: false });
  };
  lookAgain();
  return {
    end() {
      isOver = true;
    },
  };
}
