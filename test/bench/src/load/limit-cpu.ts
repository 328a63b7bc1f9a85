// Limits a process to a part of a core with control groups, like a machine that many processes share.
import { access, constants, mkdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const root = '/sys/fs/cgroup';
const periodUs = 100_000;

export interface CpuLimit {
  /** Removes the limit after the process has ended. */
  release(): Promise<void>;
}

/** Rejects, with the mend, if processes cannot be limited on this machine. */
export async function checkCpuLimits(): Promise<void> {
  const group = await createGroup(`cistern-bench-check-${process.pid}`);
  await rmdir(group.path);
}

/** Limits a process. Requires root and control groups of either version, and rejects otherwise. */
export async function limitCpu(pid: number, cores: number): Promise<CpuLimit> {
  const quotaUs = String(Math.round(cores * periodUs));
  const { path, isVersion2 } = await createGroup(`cistern-bench-${pid}`);
  if (isVersion2) await writeFile(join(path, 'cpu.max'), `${quotaUs} ${periodUs}`);
  else {
    await writeFile(join(path, 'cpu.cfs_period_us'), String(periodUs));
    await writeFile(join(path, 'cpu.cfs_quota_us'), quotaUs);
  }
  await writeFile(join(path, 'cgroup.procs'), String(pid));
  return { release: () => rmdir(path) };
}

async function createGroup(name: string): Promise<{ readonly path: string; readonly isVersion2: boolean }> {
  const controllers = await readFile(join(root, 'cgroup.controllers'), 'utf8').catch(() => '');
  const isVersion2 = controllers.split(/\s+/).includes('cpu');
  const path = join(root, isVersion2 ? '' : 'cpu', name);
  try {
    await mkdir(path);
  } catch (cause) {
    throw new Error(`${root} cannot be written. Run as root, on Linux with control groups for CPU.`, { cause });
  }
  try {
    await access(join(path, isVersion2 ? 'cpu.max' : 'cpu.cfs_quota_us'), constants.W_OK);
  } catch (cause) {
    await rmdir(path);
    throw new Error(`${root} has no limit for CPU. Enable the controller "cpu" in cgroup.subtree_control.`, { cause });
  }
  return { path, isVersion2 };
}
