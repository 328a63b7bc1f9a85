// Opens a machine for running a page's commands unchanged. It has its own network in which the cache is `localhost` and
// `cache.example`, and docker, containerd, podman and others. Its upstream registries are independent software.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type FakeUpstream, startFakeUpstream } from '@cistern/fake-upstream';
import { launcher } from '@cistern/single-node/launcher';
import { hostAddress, openSandbox, type Sandbox } from '@cistern/test-clients/sandbox';
import { ensureDebianPackages } from '@cistern/test-servers';
import { root } from './read-page.ts';

export interface Machine {
  /** Runs a script in a shell in the page's directory. Resolves to its output. */
  run(script: string): Promise<string>;
  /** Starts a script and resolves when this URL answers. It runs until `close`. */
  start(script: string, url: string): Promise<void>;
  /** Writes a file. `path` is as in the page: absolute, or relative to the page's directory. */
  write(path: string, content: string): Promise<void>;
  close(): Promise<void>;
}

const packages = [
  'apache2-utils',
  'containerd',
  'curl',
  'docker-cli',
  'docker.io',
  'iproute2',
  'openssl',
  'oras',
  'podman',
  'runc',
  'skopeo',
  'slirp4netns',
];

const images = [
  ['docker.io', 'library/alpine', 'latest'],
  ['docker.io', 'library/busybox', 'latest'],
  ['docker.io', 'library/nginx', '1.27'],
  ['quay.io', 'prometheus/prometheus', 'latest'],
] as const;

/** Commands that a machine has and a sandbox does not. */
const commands = {
  sudo: 'exec "$@"',
  systemctl: [
    '[ "$*" = "restart docker" ] || { echo "systemctl $*: not here" >&2; exit 1; }',
    'if [ -e /run/docker.pid ]; then',
    '  kill "$(cat /run/docker.pid)"; while [ -e /run/docker.pid ]; do sleep 0.2; done',
    'fi',
    'setsid dockerd --bridge=none --iptables=false --ip6tables=false --ip-forward=false \\',
    '  --cgroup-parent "$CGROUP_PARENT" >/var/log/dockerd.log 2>&1 &',
    'for second in $(seq 60); do docker version >/dev/null 2>&1 && exit 0; sleep 1; done',
    'cat /var/log/dockerd.log >&2; exit 1',
  ].join('\n'),
};

/**
 * `inClone` runs the page in the clone itself. Requires root on Debian, and installs missing packages. The caller
 * closes the machine.
 */
export async function openMachine({ inClone }: { readonly inClone: boolean }): Promise<Machine> {
  await ensureDebianPackages(packages);
  const upstreams = { 'docker.io': await startFakeUpstream(), 'quay.io': await startFakeUpstream() };
  for (const [name, repository, tag] of images) upstreams[name].addImage(repository, { tag, seed: repository });
  const closeAll = async (sandbox?: Sandbox) => {
    await sandbox?.close();
    for (const upstream of Object.values(upstreams)) await upstream.close();
  };
  const sandbox = await openSandbox(
    {
      '/etc/hosts': '127.0.0.1 localhost cache.example\n',
      '/etc/cistern/config.yml': JSON.stringify({
        upstreams: Object.fromEntries(Object.entries(upstreams).map(entry)),
      }),
      '/etc/containerd/config.toml': 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n',
    },
    { network: 'own' },
  ).catch(async (error: unknown) => {
    await closeAll();
    throw error;
  });
  const [bin, page] = [join(sandbox.directory, 'bin'), join(sandbox.directory, 'page')];
  for (const directory of [bin, page]) await mkdir(directory);
  // Variables override the page's own configuration, so it also uses the upstreams of this test.
  const reached = Object.entries(upstreams).flatMap(([name, { url }]) => {
    const key = `REGISTRY_UPSTREAMS_${name.toUpperCase()}`;
    return [`${key}_URL=${outside(url)}`, `${key}_DEFAULT=${name === 'docker.io'}`];
  });
  const node = `${process.execPath} ${launcher}`;
  const cistern = `[ "$1" = serve ] && exec env ${reached.join(' ')} ${node} "$@"\nexec ${node} "$@"`;
  for (const [name, script] of Object.entries({ ...commands, cistern }))
    await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const cwd = inClone ? root : page;
  const env = {
    PATH: `${bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    REGISTRY_CONFIGURATION_PATH: '/etc/cistern/config.yml',
    CGROUP_PARENT: sandbox.cgroupParent,
  };
  const words = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return {
    run: (script) => sandbox.run('sh', ['-euc', script], { cwd, env }),
    start: (script, url) =>
      sandbox.startDaemon(
        'env',
        [`--chdir=${cwd}`, ...words, 'sh', '-euc', script],
        ['curl', '--silent', '--insecure', '--max-time', '5', '--output', '/dev/null', url],
      ),
    // The command runs inside, because /etc is the sandbox's own.
    write: async (path, content) =>
      void (await sandbox.run(
        'sh',
        ['-euc', 'mkdir -p "$(dirname "$1")"; printf "%s\\n" "$2" >"$1"', '-', path, content],
        {
          cwd,
        },
      )),
    close: () => closeAll(sandbox),
  };
}

function entry([name, { url }]: [string, FakeUpstream]): [string, unknown] {
  return [name, { url: outside(url), default: name === 'docker.io', timeouts: { silence: '30s' } }];
}

function outside(url: string): string {
  return url.replace('127.0.0.1', hostAddress);
}
