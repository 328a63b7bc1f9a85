// Runs dockerd with either of its image stores, and its BuildKit.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openSandbox } from '../sandbox.ts';
import { type Engine, digestsIn } from './client.ts';

export interface Docker extends Engine {
  /** Builds `dockerfile` with BuildKit, without its cache, and returns the content of `/out` in the built image. */
  build(dockerfile: string): Promise<string>;
  /** Does the same as `login` to Docker Hub, without a request to it. */
  loginToHub(user: string, password: string): Promise<void>;
}

export interface DockerOptions {
  /** The cache's URL, which replaces Docker Hub's. */
  readonly mirror: string;
  /** The URL of another mirror, to use when the first one rejects a pull. */
  readonly next?: string;
  readonly store: 'graph-driver' | 'containerd';
}

/** The key that `docker login` without a server stores after Docker Hub has accepted it. */
const hubServer = 'https://index.docker.io/v1/';

// Docker gets no network, so that nothing changes on this machine's interfaces or in its packet filter.
const noNetwork = ['--bridge=none', '--iptables=false', '--ip6tables=false', '--ip-forward=false'];

export async function openDocker({ mirror, next, store }: DockerOptions): Promise<Docker> {
  const sandbox = await openSandbox({
    '/etc/docker/daemon.json': JSON.stringify({
      'registry-mirrors': next === undefined ? [mirror] : [mirror, next],
      features: { 'containerd-snapshotter': store === 'containerd' },
    }),
  });
  let config: string | undefined;
  const docker = (...args: string[]) =>
    sandbox.run('docker', [...(config === undefined ? [] : ['--config', config]), ...args]);
  await sandbox.startDaemon('dockerd', [...noNetwork, '--cgroup-parent', sandbox.cgroupParent], ['docker', 'version']);
  const run: Engine['run'] = (reference, command) =>
    docker('run', '--rm', '--pull', 'never', '--network', 'none', reference, ...command);
  return {
    pull: async (reference) => digestsIn(await docker('pull', reference)),
    login: async (server, user, password) =>
      void (await docker('login', '--username', user, '--password', password, server)),
    async loginToHub(user, password) {
      const auth = Buffer.from(`${user}:${password}`).toString('base64');
      config = join(sandbox.directory, 'docker-config');
      await mkdir(config, { recursive: true });
      await writeFile(join(config, 'config.json'), JSON.stringify({ auths: { [hubServer]: { auth } } }));
    },
    remove: async (reference) => void (await docker('image', 'remove', '--force', reference)),
    run,
    load: async (archive) => void (await docker('load', '--input', archive)),
    build: async (dockerfile) => {
      const context = join(sandbox.directory, 'context');
      await mkdir(context, { recursive: true });
      await writeFile(join(context, 'Dockerfile'), dockerfile);
      await docker('buildx', 'build', '--network', 'none', '--pull', '--tag', 'built', context);
      const out = await run('built', ['cat', '/out']);
      await docker('image', 'remove', '--force', 'built');
      await docker('builder', 'prune', '--all', '--force');
      await rm(context, { recursive: true });
      return out;
    },
    close: sandbox.close,
  };
}
