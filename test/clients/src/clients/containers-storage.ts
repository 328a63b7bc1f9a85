// Runs podman and buildah, two clients that share a library, a storage and a configuration.
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Sandbox, openSandbox } from '../sandbox.ts';
import { type Client, type Engine, digestsIn } from './client.ts';
import { registriesConf } from './registries-conf.ts';

export interface ContainersStorageOptions {
  /** Host and port of the cache. */
  readonly cache: string;
  /** The registries that it mirrors. */
  readonly mirrored: readonly string[];
  /** The endpoint to use when the cache rejects a pull. */
  readonly next?: string;
  /** Fetches only the missing parts of zstd:chunked layers, with ranges. Default: no, as in Debian. */
  readonly partialPulls?: boolean;
}

export async function openPodman(options: ContainersStorageOptions): Promise<Engine> {
  const sandbox = await openStorage(options);
  return {
    pull: async (reference) => {
      await sandbox.run('podman', ['pull', '--quiet', reference]);
      return digestsIn(await sandbox.run('podman', ['image', 'inspect', '--format', '{{.RepoDigests}}', reference]));
    },
    login: async (server, user, password) =>
      void (await sandbox.run('podman', ['login', '--username', user, '--password', password, server])),
    remove: async (reference) => void (await sandbox.run('podman', ['image', 'rm', '--force', reference])),
    // crun fails where both versions of control groups are mounted; runc does not.
    run: (reference, command) => {
      const isolation = ['--network', 'none', '--cgroup-parent', sandbox.cgroupParent];
      const args = ['--runtime', 'runc', 'run', '--rm', '--pull', 'never', ...isolation];
      return sandbox.run('podman', [...args, reference, ...command]);
    },
    load: async (archive) => void (await sandbox.run('podman', ['load', '--input', archive])),
    close: sandbox.close,
  };
}

export interface Buildah extends Client {
  /** Builds `containerfile`, which may use a shell, and returns the content of `/out` in the built image. */
  build(containerfile: string): Promise<string>;
}

export async function openBuildah(options: ContainersStorageOptions): Promise<Buildah> {
  const sandbox = await openStorage(options);
  const buildah = (...args: string[]) => sandbox.run('buildah', args);
  // Its default limits exceed those that a container's root may set.
  const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024'];
  return {
    pull: async (reference) => {
      await buildah('pull', '--quiet', reference);
      return digestsIn(await buildah('images', '--json', reference));
    },
    remove: async (reference) => void (await buildah('rmi', '--force', reference)),
    build: async (containerfile) => {
      const context = join(sandbox.directory, 'context');
      await mkdir(context);
      await writeFile(join(context, 'Containerfile'), containerfile);
      await buildah('build', '--isolation', 'chroot', ...limits, '--tag', 'localhost/built', context);
      await rm(context, { recursive: true });
      const container = (await buildah('from', 'localhost/built')).trim();
      const root = (await buildah('mount', container)).trim();
      return sandbox.run('cat', [join(root, 'out')]);
    },
    close: sandbox.close,
  };
}

function openStorage({ cache, mirrored, next, partialPulls = false }: ContainersStorageOptions): Promise<Sandbox> {
  return openSandbox({
    '/etc/containers/registries.conf': registriesConf(cache, mirrored, next),
    '/etc/containers/storage.conf': [
      '[storage]',
      'driver = "overlay"',
      'graphroot = "/var/lib/containers/storage"',
      'runroot = "/run/containers/storage"',
      '[storage.options]',
      `pull_options = { enable_partial_images = "${partialPulls}" }\n`,
    ].join('\n'),
  });
}
