// Limits a process to a part of a core with control groups, like a machine that many processes share.
import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const root = '/sys/fs/cgroup';
const periodUs = 100_000;

export interface CpuLimit {
  /** Removes the limit after the process has ended. */
  release(): Promise<void>;
}

/** Limits a process. Requires root and control groups of either version, and rejects otherwise. */
export async function limitCpu(pid: number, cores: number): Promise<CpuLimit> {
  const quotaUs = String(Math.round(cores * periodUs));
  const controllers = await readFile(join(root, 'cgroup.controllers'), 'utf8').catch(() => '');
  const isVersion2 = controllers.split(/\s+/).includes('cpu');
  const group = join(root, isVersion2 ? '' : 'cpu', `cistern-bench-${pid}`);
  await mkdir(group);
  if (isVersion2) await writeFile(join(group, 'cpu.max'), `${quotaUs} ${periodUs}`);
  else {
    await writeFile(join(group, 'cpu.cfs_period_us'), String(periodUs));
    await writeFile(join(group, 'cpu.cfs_quota_us'), quotaUs);
  }
  await writeFile(join(group, 'cgroup.procs'), String(pid));
  return { release: () => rmdir(group) };
}
