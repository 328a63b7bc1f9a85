// A machine within the machine for one container engine: it sees /etc, /var and /run at their usual paths, and what it
// changes there lands in a temporary directory. Its namespaces end with their first process, so that no daemon, shim,
// container or overlay mount can outlive a test, not even one that was killed.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readdir, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type SupervisedProcess, startProcess } from '@cistern/test-services';

export interface Sandbox {
  /** The same path inside and outside; removed by `close`. */
  readonly directory: string;
  /** Where the control groups of containers belong, so that `close` finds and removes them. Starts with a slash. */
  readonly cgroupParent: string;
  /** Runs a command inside to its end and returns its stdout. Rejects with its stderr when it fails or takes 2 minutes. */
  run(command: string, args: readonly string[]): Promise<string>;
  /** Starts a daemon inside and resolves when `run(...probe)` succeeds. It ends with the sandbox. */
  startDaemon(command: string, args: readonly string[], probe: readonly [string, ...string[]]): Promise<void>;
  close(): Promise<void>;
}

// An overlay cannot be the upper layer of another one, so the engines' own directories are plain ones.
const stateDirectories = ['/var/lib/docker', '/var/lib/containerd', '/var/lib/containers'];

const setUp = `
set -e
directory=$1; shift
mount -t overlay -o "lowerdir=/etc,upperdir=$directory/etc,workdir=$directory/etc-work" overlay /etc
mount -t overlay -o "lowerdir=/var,upperdir=$directory/var,workdir=$directory/var-work" overlay /var
mount -t tmpfs tmpfs /run
for state in "$@"; do
  mkdir -p "$state" "$directory/state$state"
  mount --bind "$directory/state$state" "$state"
done
mkdir -p /run/lock
echo inside
exec sleep infinity`;

const namespaces = ['--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child', '--mount-proc'];

const commandTimeoutMs = 120_000;

/** `files`: configuration by its absolute path below /etc, as a user would write it. As root on Linux only, closed by the caller. */
export async function openSandbox(files: Readonly<Record<string, string>> = {}): Promise<Sandbox> {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-sandbox-'));
  const name = basename(directory);
  for (const made of ['etc', 'etc-work', 'var', 'var-work', 'home']) await mkdir(join(directory, made));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), content);
  }
  const holder = await startProcess({
    command: 'unshare',
    args: [...namespaces, 'sh', '-c', setUp, name, directory, ...stateDirectories],
    name: 'sandbox',
    ready: { logLine: /^inside$/ },
    removeAfter: [directory],
  });
  const daemons: SupervisedProcess[] = [];
  const firstProcess = await firstChildOf(holder.pid);
  const enter = ['--target', String(firstProcess), '--mount', '--pid', `--wdns=${directory}`, '--'];
  // Nothing of the caller's environment: no proxy, no credentials, no configuration of another engine.
  const env = {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: join(directory, 'home'),
    LANG: 'C.UTF-8',
  };

  async function run(command: string, args: readonly string[]): Promise<string> {
    try {
      const { stdout } = await promisify(execFile)('nsenter', [...enter, command, ...args], {
        env,
        timeout: commandTimeoutMs,
        maxBuffer: 64 * 2 ** 20,
      });
      return stdout;
    } catch (error) {
      const { stderr = '', killed } = error as { stderr?: string; killed?: boolean };
      const reason = killed === true ? 'took too long' : 'failed';
      throw new Error(`${[command, ...args].join(' ')} ${reason}:\n${stderr.trim()}`, { cause: error });
    }
  }

  return {
    directory,
    cgroupParent: `/${name}`,
    run,
    startDaemon: async (command, args, [probe, ...probeArgs]) => {
      const daemon = await startProcess({
        command: 'nsenter',
        args: [...enter, command, ...args],
        name: basename(command),
        env: { ...Object.fromEntries(Object.keys(process.env).map((variable) => [variable, undefined])), ...env },
        ready: { check: () => run(probe, probeArgs).then(() => true) },
      });
      daemons.push(daemon);
    },
    close: async () => {
      // The kernel lets a first process go only when everything else in its namespace is gone.
      if (holder.isRunning()) process.kill(firstProcess, 'SIGKILL');
      await holder.waitForExit();
      await holder.kill();
      for (const daemon of daemons) await daemon.kill();
      await removeControlGroups(name);
    },
  };
}

async function firstChildOf(pid: number): Promise<number> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return Number.parseInt(children, 10);
}

// With control groups of version 1 there is one tree for each controller, with version 2 a single one.
async function removeControlGroups(name: string): Promise<void> {
  const root = '/sys/fs/cgroup';
  const below = (await readdir(root)).map((controller) => join(root, controller, name));
  for (const top of [join(root, name), ...below]) {
    const inside = await readdir(top, { recursive: true, withFileTypes: true }).catch(() => []);
    const groups = inside.filter((entry) => entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
    // A group goes before the one that it is in.
    for (const group of [...groups.sort().reverse(), top]) await rmdir(group).catch(ignoreMissing);
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
}
