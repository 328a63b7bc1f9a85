// A sandbox for one container engine. It sees /etc, /var and /run at their usual paths, and its changes go to a
// temporary directory. Its namespaces end with their first process. So no daemon, shim, container or overlay mount
// outlives a test, even if the test is killed.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readdir, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type SupervisedProcess, startProcess } from '@cistern/test-servers';

export interface RunOptions {
  /** Default 2 minutes. */
  readonly timeoutMs?: number;
  /** Default: the sandbox's own directory. */
  readonly cwd?: string;
  /** Variables added to the minimal environment. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface SandboxOptions {
  /**
   * `own` gives the sandbox its own interfaces, ports and packet filter. A process of this machine connects it to the
   * outside, and its 127.0.0.1 is `hostAddress` inside. Default: the machine's network.
   */
  readonly network?: 'own' | 'shared';
}

/** The address of this machine in a sandbox with its own network. */
export const hostAddress = '10.0.2.2';

export interface Sandbox {
  /** The same path inside and outside; removed by `close`. */
  readonly directory: string;
  /** The parent of the containers' control groups, where `close` finds and removes them. Starts with a slash. */
  readonly cgroupParent: string;
  /** The id of the first process inside, as this machine sees it, for example for `nsenter`. */
  readonly firstProcess: number;
  /** Runs a command inside and returns its stdout. Rejects with its stderr when it fails or takes too long. */
  run(command: string, args: readonly string[], options?: RunOptions): Promise<string>;
  /** Starts a daemon inside and resolves when `run(...probe)` succeeds. It ends with the sandbox. */
  startDaemon(command: string, args: readonly string[], probe: readonly [string, ...string[]]): Promise<void>;
  close(): Promise<void>;
}

// An overlay cannot be the upper layer of another one, so the engines' own directories are plain ones.
const stateDirectories = ['/var/lib/docker', '/var/lib/containerd', '/var/lib/containers'];

const setUp = `
set -e
directory=$1; network=$2; shift 2
mount -t overlay -o "lowerdir=/etc,upperdir=$directory/etc,workdir=$directory/etc-work" overlay /etc
mount -t overlay -o "lowerdir=/var,upperdir=$directory/var,workdir=$directory/var-work" overlay /var
mount -t tmpfs tmpfs /run
for state in "$@"; do
  mkdir -p "$state" "$directory/state$state"
  mount --bind "$directory/state$state" "$state"
done
mkdir -p /run/lock
if [ "$network" = own ]; then
  ip link set lo up
  echo 1 >/proc/sys/net/ipv4/ip_forward
fi
echo inside
exec sleep infinity`;

const namespaces = ['--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child', '--mount-proc'];

/**
 * `files` are configuration files by absolute path below /etc, as a user would write them. Requires root on Linux. An
 * own network needs Debian's iproute2 and slirp4netns. The caller closes the sandbox.
 */
export async function openSandbox(
  files: Readonly<Record<string, string>> = {},
  { network = 'shared' }: SandboxOptions = {},
): Promise<Sandbox> {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-sandbox-'));
  const name = basename(directory);
  for (const made of ['etc', 'etc-work', 'var', 'var-work', 'home']) await mkdir(join(directory, made));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), content);
  }
  const ownNetwork = network === 'own' ? ['--net'] : [];
  const holder = await startProcess({
    command: 'unshare',
    args: [...ownNetwork, ...namespaces, 'sh', '-c', setUp, name, directory, network, ...stateDirectories],
    name: 'sandbox',
    ready: { logLine: /^inside$/ },
    removeAfter: [directory],
  });
  const daemons: SupervisedProcess[] = [];
  const firstProcess = await firstChildOf(holder.pid);
  const namespacesOf = ['--target', String(firstProcess), '--mount', '--pid', ...ownNetwork];
  const enter = (cwd: string) => [...namespacesOf, `--wdns=${cwd}`, '--'];
  // The caller's environment is left out: its proxies, credentials and configuration of other engines.
  const env = {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: join(directory, 'home'),
    LANG: 'C.UTF-8',
  };

  async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
    const { timeoutMs = 300_000, cwd = directory } = options;
    try {
      const { stdout } = await promisify(execFile)('nsenter', [...enter(cwd), command, ...args], {
        env: { ...env, ...options.env },
        timeout: timeoutMs,
        maxBuffer: 64 * 2 ** 20,
      });
      return stdout;
    } catch (error) {
      const { stderr = '', killed } = error as { stderr?: string; killed?: boolean };
      const reason = killed === true ? 'took too long' : 'failed';
      throw new Error(`${[command, ...args].join(' ')} ${reason}:\n${stderr.trim()}`, { cause: error });
    }
  }

  async function close(): Promise<void> {
    // The kernel ends a first process only after everything else in its namespace has ended.
    if (holder.isRunning()) process.kill(firstProcess, 'SIGKILL');
    await holder.waitForExit();
    await holder.kill();
    for (const daemon of daemons) await daemon.kill();
    await removeControlGroups(name);
  }

  try {
    if (network === 'own') daemons.push(await openWayOut(firstProcess));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    directory,
    cgroupParent: `/${name}`,
    firstProcess,
    run,
    startDaemon: async (command, args, [probe, ...probeArgs]) => {
      const daemon = await startProcess({
        command: 'nsenter',
        args: [...enter(directory), command, ...args],
        name: basename(command),
        env: { ...Object.fromEntries(Object.keys(process.env).map((variable) => [variable, undefined])), ...env },
        ready: { check: () => run(probe, probeArgs).then(() => true) },
      });
      daemons.push(daemon);
    },
    close,
  };
}

// A user process provides the addresses and routes, so the machine's own network does not change.
function openWayOut(processInside: number): Promise<SupervisedProcess> {
  return startProcess({
    command: 'slirp4netns',
    args: ['--configure', '--mtu=65520', '--disable-dns', String(processInside), 'tap0'],
    ready: { logLine: /^received tapfd=/ },
  });
}

async function firstChildOf(pid: number): Promise<number> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return Number.parseInt(children, 10);
}

// Version 1 of control groups has one tree for each controller, version 2 a single one.
async function removeControlGroups(name: string): Promise<void> {
  const root = '/sys/fs/cgroup';
  const below = (await readdir(root)).map((controller) => join(root, controller, name));
  for (const top of [join(root, name), ...below]) {
    const inside = await readdir(top, { recursive: true, withFileTypes: true }).catch(() => []);
    const groups = inside.filter((entry) => entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
    // A group must be removed before its parent.
    for (const group of [...groups.sort().reverse(), top]) await rmdir(group).catch(ignoreMissing);
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
}
