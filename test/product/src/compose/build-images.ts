// Builds the images of the other servers of the compose file from Debian's packages, because no image registry is
// available. They have the names of the compose file.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureDebianBase } from '../ensure-debian-base.ts';
import type { Engine } from './open-engine.ts';

const repository = fileURLToPath(new URL('../../../..', import.meta.url));
const ofServers = join(repository, 'test', 'product', 'compose', 'images');
const timeoutMs = 10 * 60_000;

/** `names` are the images by service; `registry` is registry:2's. */
export async function buildImages(engine: Engine, names: Readonly<Record<string, string>>): Promise<void> {
  await engine.docker(['import', '--change', 'CMD ["bash"]', await ensureDebianBase('base'), 'debian:trixie-slim']);
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
