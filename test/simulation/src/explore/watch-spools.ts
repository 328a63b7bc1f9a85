// Fills the disks of a run's spools, and checks that spool files stay within their limits.
import type { SimulatedCluster } from '../cluster/start-cluster.ts';
import { disk, fileSystem, simulatedRoot } from '../world/files/file-system.ts';
import { currentOwner } from '../world/owner.ts';
import { pause } from '../cluster/pause.ts';
import { type PlannedFault, shareOf } from './fault-plan.ts';

export interface SpoolLimits {
  readonly spoolBytes: number;
  readonly perFillBytes: number;
  readonly segmentBytes: number;
  /** Size of the largest blob. */
  readonly largestBytes: number;
}

export interface WatchedSpools {
  /** Number of writes that found no space. */
  readonly refused: number;
  /** Prevents further full disks. Resolves when all disks that were full for a limited time have space again. */
  settle(): Promise<void>;
  /** Ends the fault: all disks have space again. */
  end(): void;
}

type Fullness = 'once' | 'for a while' | 'for ever';

const onceBelow = 0.4;
const foreverFrom = 0.8;
/** A write has at most this many bytes and belongs to one segment. */
const chunkBytes = 64 * 1024;
const fillFile = /\/([^/]+?)(?:\.\d+)?\.fill$/;

/**
 * Each fault `full disk` hits the first worker that reaches the n-th spool write. Either only that write finds no
 * space, or all its writes find no space for some time or until `end`.
 */
export function watchSpools(
  { workers }: SimulatedCluster,
  { spoolBytes, perFillBytes, segmentBytes, largestBytes }: SpoolLimits,
  faults: readonly PlannedFault[],
  problem: (text: string) => void,
): WatchedSpools {
  const full = new Map<string, Fullness>();
  const floorBytes = Math.min(2 * segmentBytes, spoolBytes);
  const fillBytes = Math.max(perFillBytes, floorBytes);
  const mostWrites = Math.ceil(largestBytes / Math.min(chunkBytes, segmentBytes));
  const waiting = faults
    .filter(({ kind }) => kind === 'full disk')
    .map((fault) => ({ ...fault, write: 1 + Math.floor(shareOf(fault) * mostWrites) }));
  const writes = new Map<string, number>();
  const running = new Set<Promise<void>>();
  let refused = 0;

  const strike = (name: string, { degree, lastsMs }: PlannedFault) => {
    const isTaken = [...full.values()].includes('for ever');
    const fullness = degree < onceBelow ? 'once' : degree < foreverFrom || isTaken ? 'for a while' : 'for ever';
    full.set(name, fullness);
    if (fullness !== 'for a while') return;
    const last = async () => {
      await pause(lastsMs);
      full.delete(name);
    };
    running.add(last());
  };

  const countWrite = (name: string) => {
    const count = (writes.get(name) ?? 0) + 1;
    writes.set(name, count);
    const fault = full.has(name) ? undefined : waiting.find(({ write }) => write <= count);
    if (fault === undefined) return;
    waiting.splice(waiting.indexOf(fault), 1);
    strike(name, fault);
  };

  const check = (name: string) => {
    const used = workers.find((worker) => worker.name === name)?.spools.usedBytes ?? 0;
    if (used > spoolBytes) problem(`${name} assigned ${used} bytes of a spool of ${spoolBytes}`);
    const byFill = new Map<string, number>();
    let all = 0;
    // Checks only open files, because a closed file is removed soon.
    for (const { path, owner } of fileSystem.open) {
      const [, fill] = fillFile.exec(path) ?? [];
      if (fill === undefined || owner !== currentOwner()) continue;
      const size = disk.find(path)?.size ?? 0;
      byFill.set(fill, (byFill.get(fill) ?? 0) + size);
      all += size;
    }
    if (all > spoolBytes) problem(`${name} has ${all} bytes in a spool of ${spoolBytes}`);
    for (const bytes of byFill.values())
      if (bytes > fillBytes) problem(`a fill of ${name} keeps ${bytes} bytes; the limit is ${fillBytes}`);
  };

  fileSystem.isFull = (path) => {
    const name = currentOwner()?.name;
    if (name === undefined || !fillFile.test(path)) return false;
    if (path.startsWith(`${simulatedRoot}/${name}/`)) check(name);
    countWrite(name);
    const fullness = full.get(name);
    if (fullness === 'once') full.delete(name);
    if (fullness !== undefined) refused += 1;
    return fullness !== undefined;
  };

  return {
    get refused() {
      return refused;
    },
    async settle() {
      waiting.length = 0;
      await Promise.all(running);
    },
    end() {
      full.clear();
    },
  };
}
