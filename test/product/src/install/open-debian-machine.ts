// Boots a clean Debian system with systemd in a container of systemd-nspawn, in a network of its own. It reaches the
// package registries of this machine with the same settings as this machine.
import { execFile } from 'node:child_process';
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { openSandbox } from '@cistern/test-clients/sandbox';
import { createUntil, ensureDebianPackages } from '@cistern/test-servers';
import { type DebianArchive, ensureDebianBase } from '../ensure-debian-base.ts';

const execute = promisify(execFile);
const timeoutMs = 20 * 60_000;
const packages = ['curl', 'iproute2', 'mmdebstrap', 'oras', 'procps', 'slirp4netns', 'systemd-container'];
const nspawn = [
  // Debian's systemd needs control groups of version 2. Older machines have both versions.
  'SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1',
  'systemd-nspawn',
  '--quiet',
  '--boot',
  '--register=no',
  '--keep-unit',
  '--console=pipe',
  '--link-journal=no',
  '--resolv-conf=copy-host',
];
/** Certificate authorities of this machine, which may include those of a local package registry. */
const authorities = '/etc/ssl/certs/ca-certificates.crt';
const atHome = 'export HOME="$(getent passwd "$(id --user)" | cut -d : -f 6)"; cd';
/** Waits for a condition of a machine. */
export const untilMachine = createUntil(500);

export interface DebianMachine {
  /** The root of its file system, as a path outside. Removed by `close`. */
  readonly directory: string;
  /** Runs a script in a shell in the home of `user`, which is root by default. Resolves to its standard output. */
  run(script: string, user?: string): Promise<string>;
  /** Starts a command as the systemd service `unit`. The caller ends it with `systemctl stop`. */
  start(unit: string, command: string, user?: string): Promise<void>;
  /** Resolves when the cache on port 5000 answers. Rejects if the systemd service `unit` has failed. */
  untilServing(unit: string): Promise<void>;
  /** Copies a file to `/srv`. */
  copyIn(file: string): Promise<void>;
  /** Pulls an image with oras through the cache on port 5000. Resolves to the index of the copy, which names digests. */
  pull(reference: string): Promise<string>;
  close(): Promise<void>;
}

/** `archive` selects the installed packages. Requires root on Debian. The caller closes the machine. */
export async function openDebianMachine(archive: DebianArchive): Promise<DebianMachine> {
  await ensureDebianPackages(packages);
  const base = await ensureDebianBase(archive);
  const sandbox = await openSandbox({}, { network: 'own' });
  const directory = join(sandbox.directory, 'root');
  const words = Object.entries(await readEnvironment()).map(([name, value]) => `${name}=${value}`);
  // The first process of the container is a child of systemd-nspawn. While it starts, others have the same name.
  const enter = 'exec nsenter --all --target "$(pgrep --parent "$(pgrep --oldest --exact systemd-nspawn)")" -- "$@"';
  const isBooting = ['sh', '-euc', enter, 'enter', 'grep', '--quiet', '^systemd$', '/proc/1/comm'] as const;
  const inside = (command: readonly string[]) =>
    sandbox.run('sh', ['-euc', enter, 'enter', 'env', '-i', ...words, ...command], { timeoutMs });
  try {
    await mkdir(directory);
    await execute('tar', ['--extract', '--file', base, '--directory', directory]);
    await writeSettings(directory);
    await sandbox.startDaemon('env', [...nspawn, `--directory=${directory}`], isBooting);
    await untilMachine('the system is up', async () =>
      /^(running|degraded)$/m.test(await inside(['sh', '-c', 'systemctl is-system-running 2>&1 || true'])),
    );
  } catch (error) {
    await sandbox.close();
    throw error;
  }
  const layout = join(sandbox.directory, 'layout');
  return {
    directory,
    run: (script, user = 'root') => inside(['runuser', '--user', user, '--', 'sh', '-euc', `${atHome}; ${script}`]),
    start: async (unit, command, user = 'root') => {
      const settings = words.map((word) => `--setenv=${word}`);
      await inside([
        'systemd-run',
        '--quiet',
        `--unit=${unit}`,
        `--uid=${user}`,
        ...settings,
        'sh',
        '-euc',
        `${atHome}; exec ${command}`,
      ]);
    },
    untilServing: (unit) =>
      untilMachine(
        'the cache answers',
        async () => {
          if ((await inside(['systemctl', 'show', '--property=ActiveState', '--value', unit])).trim() === 'failed')
            throw new Error(`${unit} has failed:\n${await inside(['journalctl', '--no-pager', `--unit=${unit}`])}`);
          return sandbox.run('curl', ['--silent', '--fail', 'http://localhost:5000/v2/']).then(
            () => true,
            () => false,
          );
        },
        timeoutMs,
      ),
    copyIn: (file) => copyFile(file, join(directory, 'srv', basename(file))),
    pull: async (reference) => {
      await rm(layout, { recursive: true, force: true });
      const from = `localhost:5000/${reference}`;
      await sandbox.run('oras', ['copy', '--from-plain-http', '--to-oci-layout', from, `${layout}:pulled`]);
      return sandbox.run('cat', [join(layout, 'index.json')]);
    },
    close: sandbox.close,
  };
}

/** Writes apt's settings and the certificate authorities of this machine, and the file that Debian's installer writes. */
async function writeSettings(directory: string): Promise<void> {
  const { stdout } = await execute('apt-config', ['dump', '--no-empty', '--format', '%F "%v";%n', 'Acquire']);
  await writeFile(join(directory, 'etc/apt/apt.conf.d/90-this-machine'), stdout);
  await copyFile(authorities, join(directory, authorities));
  await writeFile(join(directory, 'etc/hosts'), '127.0.0.1 localhost\n');
}

/** Returns the variables of all processes in the machine. */
async function readEnvironment(): Promise<Record<string, string>> {
  const { stdout } = await execute('npm', ['config', 'get', 'registry'], { cwd: '/' });
  const proxies = Object.entries(process.env).filter(([name]) => /^(https?|no)_proxy$/i.test(name));
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LANG: 'C.UTF-8',
    DEBIAN_FRONTEND: 'noninteractive',
    npm_config_registry: stdout.trim(),
    npm_config_cafile: authorities,
    ...Object.fromEntries(proxies.map(([name, value]) => [name, value ?? ''])),
  };
}
