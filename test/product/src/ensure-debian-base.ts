// Creates archives of small Debian systems. No image registry is available, so they come from Debian's packages.
import { execFile } from 'node:child_process';
import { access, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const timeoutMs = 20 * 60_000;

/** Packages that each archive has besides Debian's smallest system. */
const archives = {
  /** Like the public slim image. */
  base: [],
  /** A server after its installation. */
  server: ['systemd-sysv', 'dbus', 'ca-certificates'],
  /** A server with Debian's own Node and npm. The last package comes with the recommended packages of npm. */
  node: ['systemd-sysv', 'dbus', 'ca-certificates', 'nodejs', 'npm', 'libatomic1'],
} as const;

export type DebianArchive = keyof typeof archives;

/** Returns the path of a tar archive, which is kept from run to run. Requires root and Debian's mmdebstrap. */
export async function ensureDebianBase(name: DebianArchive): Promise<string> {
  const archive = join(tmpdir(), `cistern-debian-${name}-1.tar`);
  const isThere = await access(archive).then(
    () => true,
    () => false,
  );
  if (isThere) return archive;
  const making = `${archive}.${process.pid}`;
  const dpkg = ['force-unsafe-io', ...['doc', 'locale', 'man'].map((part) => `path-exclude=/usr/share/${part}/*`)];
  const apt = ['Acquire::Languages "none"', 'Dir::Cache::pkgcache ""', 'Dir::Cache::srcpkgcache ""'];
  const settings = [...dpkg.map((option) => `--dpkgopt=${option}`), ...apt.map((option) => `--aptopt=${option}`)];
  const packages = archives[name].length === 0 ? [] : [`--include=${archives[name].join(',')}`];
  try {
    await run('mmdebstrap', ['--variant=minbase', '--format=tar', ...settings, ...packages, 'trixie', making], {
      timeout: timeoutMs,
    });
    await rename(making, archive);
  } finally {
    await rm(making, { force: true });
  }
  return archive;
}
