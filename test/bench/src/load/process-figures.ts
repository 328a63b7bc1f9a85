// Reads the resource use of processes from Linux. CPU seconds are comparable even on a busy machine, where wall time
// also shows other work.
import { readFileSync, writeFileSync } from 'node:fs';

/** Returns the CPU seconds of all processes so far, at the usual 100 ticks a second. */
function cpuSeconds(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + ticksOf(pid) / 100, 0);
}

function ticksOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

/** Returns resident bytes: `VmRSS` is the current value, `VmHWM` the peak so far. */
export function residentBytes(pids: readonly number[], which: 'VmRSS' | 'VmHWM'): number {
  const of = (pid: number) =>
    new RegExp(`${which}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return pids.reduce((sum, pid) => sum + Number(of(pid)) * 1024, 0);
}

/** Resets `VmHWM` to the current value. */
export function forgetPeaks(pids: readonly number[]): void {
  for (const pid of pids) writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** Counts the CPU seconds of processes from now on. */
export function watchCpu(pids: readonly number[]): { soFar(): number } {
  const before = cpuSeconds(pids);
  return { soFar: () => cpuSeconds(pids) - before };
}
