// Builds the images of the other servers of the compose file from Debian's packages, because no image registry is
// available. They have the names of the compose file.
import { execFile } from 'node:child_process';
import { access, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Engine } from './open-engine.ts';

const run = promisify(execFile);
const repository = fileURLToPath(new URL('../../../..', import.meta.url));
const ofServers = join(repository, 'test', 'product', 'compose', 'images');
const timeoutMs = 10 * 60_000;

/** `names` are the images by service; `registry` is registry:2's. */
export async function buildImages(engine: Engine, names: Readonly<Record<string, string>>): Promise<void> {
  await engine.docker(['import', '--change', 'CMD ["bash"]', await ensureDebianBase(), 'debian:trixie-slim']);
  const build = (tag: string | undefined, args: readonly string[]) =>
    // Builds use the daemon's network, because a local package registry may be reachable only there.
    engine.docker(['buildx', 'build', '--network', 'host', '--tag', tag ?? '', ...args], { timeoutMs });
  const services = ['haproxy', 'redis', 'prometheus', 'alertmanager', 'grafana', 's3', 'registry'];
  const builds = services.map((service) => {
    const contexts = [`node=${dirname(process.execPath)}`, `services=${join(repository, 'test', 'servers', 'src')}`];
    const given = contexts.flatMap((context) => ['--build-context', context]);
    return build(names[service], ['--target', service, ...given, ofServers]);
  });
  await Promise.allSettled(builds);
  await Promise.all(builds);
}

/** Creates an archive of Debian's smallest system, like the public slim image. It is kept from run to run. */
async function ensureDebianBase(): Promise<string> {
  const archive = join(tmpdir(), 'cistern-debian-base-1.tar');
  const isThere = await access(archive).then(
    () => true,
    () => false,
  );
  if (isThere) return archive;
  const making = `${archive}.${process.pid}`;
  const dpkg = ['force-unsafe-io', ...['doc', 'locale', 'man'].map((part) => `path-exclude=/usr/share/${part}/*`)];
  const apt = ['Acquire::Languages "none"', 'Dir::Cache::pkgcache ""', 'Dir::Cache::srcpkgcache ""'];
  const settings = [...dpkg.map((option) => `--dpkgopt=${option}`), ...apt.map((option) => `--aptopt=${option}`)];
  try {
    await run('mmdebstrap', ['--variant=minbase', '--format=tar', ...settings, 'trixie', making], {
      timeout: timeoutMs,
    });
    await rename(making, archive);
  } finally {
    await rm(making, { force: true });
  }
  return archive;
}
