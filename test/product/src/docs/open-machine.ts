// A machine at which somebody follows a page, word for word: with a network of its own, where the cache is `localhost` and
// `cache.example`, with docker, containerd, podman and others, and with registries that others wrote far away.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type FakeUpstream, startFakeUpstream } from '@cistern/fake-upstream';
import { launcher } from '@cistern/single-node/launcher';
import { hostAddress, openSandbox, type Sandbox } from '@cistern/test-clients/sandbox';
import { ensureDebianPackages } from '@cistern/test-servers';
import { root } from './read-page.ts';

export interface Machine {
  /** Runs it in a shell, in the directory of the page, to its end. Resolves with what it prints. */
  run(script: string): Promise<string>;
  /** Starts it and resolves when something answers at this URL. It stays until `close`. */
  start(script: string, url: string): Promise<void>;
  /** `path` as a page names it: absolute, or in the directory of the page. */
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

/** What a machine has and a sandbox has not. */
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

/** `inClone`: the page is followed in the clone itself. As root on Debian; installs what is missing. The caller closes it. */
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
  // A page's own configuration reaches the upstreams of this test, too: variables apply over it.
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
    // Inside, where /etc is the machine's own.
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
