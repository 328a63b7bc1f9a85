// What processes have used, by Linux's own account: seconds of CPU hold on a busy machine too, where time by the clock tells
// of its other work.
import { readFileSync, writeFileSync } from 'node:fs';

/** Of all of them so far, at the customary 100 ticks a second. */
function cpuSeconds(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + ticksOf(pid) / 100, 0);
}

function ticksOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

/** Resident bytes: `VmRSS` now, `VmHWM` at their highest so far. */
export function residentBytes(pids: readonly number[], which: 'VmRSS' | 'VmHWM'): number {
  const of = (pid: number) =>
    new RegExp(`${which}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return pids.reduce((sum, pid) => sum + Number(of(pid)) * 1024, 0);
}

/** From now on `VmHWM` tells of what comes. */
export function forgetPeaks(pids: readonly number[]): void {
  for (const pid of pids) writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** Seconds of CPU that processes take from now on. */
export function watchCpu(pids: readonly number[]): { soFar(): number } {
  const before = cpuSeconds(pids);
  return { soFar: () => cpuSeconds(pids) - before };
}
