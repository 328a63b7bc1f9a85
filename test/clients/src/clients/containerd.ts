// Runs containerd with its own `ctr`. One directory, `_default`, sends the pulls of every registry to the cache, which
// distinguishes them by the `?ns=` that containerd adds.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openSandbox } from '../sandbox.ts';
import { type Engine, digestsIn } from './client.ts';

const hostsDirectory = '/etc/containerd/certs.d';

/** Returns a `hosts.toml` with the cache at `url` as its only host. */
export function hostsToml(url: string, ...settings: readonly string[]): string {
  return `[host."${url}"]\n  capabilities = ["pull", "resolve"]\n${settings.map((line) => `  ${line}\n`).join('')}`;
}

/** `hosts` has a `hosts.toml` for each registry, and for all others as `_default`. */
export async function openContainerd(hosts: Readonly<Record<string, string>>): Promise<Engine> {
  const sandbox = await openSandbox({
    '/etc/containerd/config.toml': 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n',
    ...Object.fromEntries(
      Object.entries(hosts).map(([registry, toml]) => [`${hostsDirectory}/${registry}/hosts.toml`, toml]),
    ),
  });
  await sandbox.startDaemon('containerd', [], ['ctr', 'version']);
  let containers = 0;
  let account: readonly string[] = [];
  return {
    pull: async (reference) => {
      await sandbox.run('ctr', ['images', 'pull', ...account, '--hosts-dir', hostsDirectory, reference]);
      return digestsIn(await sandbox.run('ctr', ['images', 'list', `name==${reference}`]));
    },
    // containerd stores no logins, so each pull has the credentials.
    login: async (_server, user, password) => void (account = ['--user', `${user}:${password}`]),
    // With --sync the layers are removed when the command returns.
    remove: async (reference) => void (await sandbox.run('ctr', ['images', 'remove', '--sync', reference])),
    // The shim writes the output to a file: `ctr` itself loses it if the command ends before `ctr` has opened its pipe.
    run: async (reference, command) => {
      const name = `container-${++containers}`;
      const output = join(sandbox.directory, name);
      const options = ['--rm', '--cgroup', `${sandbox.cgroupParent}/${containers}`, '--log-uri', `file://${output}`];
      await sandbox.run('ctr', ['run', ...options, reference, name, ...command]);
      return readFile(output, 'utf8');
    },
    load: async (archive) => void (await sandbox.run('ctr', ['images', 'import', archive])),
    close: sandbox.close,
  };
}
