// The spools of a run: their disks may be full, and their files keep to their limits.
import type { SimulatedCluster } from '../cluster/start-cluster.ts';
import { disk, fileSystem, simulatedRoot } from '../world/files/file-system.ts';
import { currentOwner } from '../world/owner.ts';
import { pause } from '../cluster/pause.ts';
import type { PlannedFault } from './fault-plan.ts';

export interface SpoolLimits {
  readonly spoolBytes: number;
  readonly perFillBytes: number;
  readonly segmentBytes: number;
}

export interface WatchedSpools {
  /** Writes that found no room. */
  readonly refused: number;
  /** The worker's next write of a fill finds no room, or all do for a while, or until `end`. */
  fill(fault: PlannedFault): Promise<void>;
  /** All disks have room again. */
  end(): void;
}

type Fullness = 'once' | 'for a while' | 'for ever';

const onceBelow = 0.4;
const foreverFrom = 0.8;
const fillFile = /\/([^/]+?)(?:\.\d+)?\.fill$/;

export function watchSpools(
  { workers }: SimulatedCluster,
  { spoolBytes, perFillBytes, segmentBytes }: SpoolLimits,
  problem: (text: string) => void,
): WatchedSpools {
  const full = new Map<string, Fullness>();
  const floorBytes = Math.min(2 * segmentBytes, spoolBytes);
  const fillBytes = Math.max(perFillBytes, floorBytes);
  let refused = 0;

  const check = (name: string) => {
    const used = workers.find((worker) => worker.name === name)?.spools.usedBytes ?? 0;
    if (used > spoolBytes) problem(`${name} gave ${used} bytes of a spool of ${spoolBytes}`);
    const byFill = new Map<string, number>();
    let all = 0;
    // A file that is closed is about to be removed.
    for (const { path, owner } of fileSystem.open) {
      const [, fill] = fillFile.exec(path) ?? [];
      if (fill === undefined || owner !== currentOwner()) continue;
      const size = disk.find(path)?.size ?? 0;
      byFill.set(fill, (byFill.get(fill) ?? 0) + size);
      all += size;
    }
    if (all > spoolBytes) problem(`${name} has ${all} bytes in a spool of ${spoolBytes}`);
    for (const bytes of byFill.values())
      if (bytes > fillBytes) problem(`a fill of ${name} keeps ${bytes} bytes, not ${fillBytes}`);
  };

  fileSystem.isFull = (path) => {
    const name = currentOwner()?.name;
    if (name === undefined || !fillFile.test(path)) return false;
    if (path.startsWith(`${simulatedRoot}/${name}/`)) check(name);
    const fullness = full.get(name);
    if (fullness === 'once') full.delete(name);
    if (fullness !== undefined) refused += 1;
    return fullness !== undefined;
  };

  return {
    get refused() {
      return refused;
    },
    async fill({ target, degree, lastsMs }) {
      const { name } = workers[target % workers.length]!;
      const isTaken = [...full.values()].includes('for ever');
      const fullness = degree < onceBelow ? 'once' : degree < foreverFrom || isTaken ? 'for a while' : 'for ever';
      if (full.has(name)) return;
      full.set(name, fullness);
      if (fullness !== 'for a while') return;
      await pause(lastsMs);
      full.delete(name);
    },
    end() {
      full.clear();
    },
  };
}
