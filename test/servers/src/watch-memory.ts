// Measures how much the memory of a process grows.
import { readFileSync } from 'node:fs';

export interface MemoryWatch {
  /** Stops the watch and returns the largest growth of resident memory in bytes. */
  stop(): number;
}

/** Measures every 20 ms until `stop` is called or the process has ended. */
export function watchMemory(pid: number): MemoryWatch {
  const before = residentBytes(pid);
  let most = before;
  // real-time: memory is sampled at an interval
  const timer = setInterval(() => {
    try {
      most = Math.max(most, residentBytes(pid));
    } catch {
      clearInterval(timer);
    }
  }, 20).unref();
  return {
    stop() {
      clearInterval(timer);
      return most - before;
    },
  };
}

function residentBytes(pid: number): number {
  const [, kibibytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  if (kibibytes === undefined) throw new Error(`process ${pid} has ended`);
  return Number(kibibytes) * 1024;
}
