// Measures the peak use of this machine by a cluster: files of spools, and resident memory.
// real-time: samples at an interval
import { readFileSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster, ClusterNode } from '@cistern/test-servers';
import { readMetric } from './read-metric.ts';

interface UsageFigures {
  /** Bytes of the files of the fullest spool. */
  readonly spoolFileBytes: number;
  /** Bytes that the fullest spool had reserved by its own metric. */
  readonly spoolMetricBytes: number;
  /** The peak of each node by its name, over all its processes. */
  readonly residentBytes: Readonly<Record<string, number>>;
}

export interface UsageWatch {
  /** Takes one more sample and ends. */
  stop(): Promise<UsageFigures>;
}

const everyMs = 100;

export function watchUsage({ configFile, frontends, workers }: Cluster): UsageWatch {
  const stopping = new AbortController();
  const most = { spoolFileBytes: 0, spoolMetricBytes: 0 };
  const residentBytes: Record<string, number> = {};

  const sample = async () => {
    for (const worker of workers) {
      const files = await spoolBytes(join(dirname(configFile), `${worker.name}-spool`));
      most.spoolFileBytes = Math.max(most.spoolFileBytes, files);
      const reserved = await readMetric([worker], 'cistern_spool_bytes').catch(() => 0);
      most.spoolMetricBytes = Math.max(most.spoolMetricBytes, reserved);
    }
    for (const node of [...frontends, ...workers])
      residentBytes[node.name] = Math.max(residentBytes[node.name] ?? 0, mostResident(node));
  };

  const watching = (async () => {
    while (!stopping.signal.aborted) {
      await sample();
      await delay(everyMs, undefined, { signal: stopping.signal }).catch(() => {});
    }
    await sample();
  })();
  watching.catch(() => {});

  return {
    async stop() {
      stopping.abort();
      await watching;
      return { ...most, residentBytes };
    },
  };
}

/** Bytes on the disk. Files may appear and disappear meanwhile. */
async function spoolBytes(directory: string): Promise<number> {
  const names = await readdir(directory, { recursive: true }).catch(() => []);
  const files = await Promise.all(names.map((name) => stat(join(directory, name)).catch(() => undefined)));
  return files.reduce((sum, file) => sum + (file?.isFile() === true ? Math.min(file.size, file.blocks * 512) : 0), 0);
}

/** The kernel keeps the peak of a process. Returns 0 once the process has ended. */
function mostResident({ pid }: ClusterNode): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
