// Opens a network namespace that has only a loopback interface. Relays connect single ports of 127.0.0.1 inside and
// outside, with equal numbers. So processes in the namespace need no other configuration, but reach no other address.
import { mkdir, mkdtemp, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { ensureDebianPackages } from '../ensure-debian-packages.ts';
import { startProcess } from '../start-process.ts';

export interface Namespace {
  /** The name of the namespace in /run/netns, which haproxy needs. */
  readonly name: string;
  /** The words before a command that make it run in the namespace. The process id is that of the command itself. */
  readonly prefix: readonly string[];
  close(): Promise<void>;
}

export interface Relays {
  /** Ports of 127.0.0.1 outside that lead to the same ports inside. */
  readonly inward: readonly number[];
  /** Ports of 127.0.0.1 inside that lead to the same ports outside. */
  readonly outward: readonly number[];
}

/** Requires root on Linux, and installs missing packages. The caller closes the namespace after the processes in it. */
export async function openNamespace({ inward, outward }: Relays): Promise<Namespace> {
  await ensureDebianPackages(['haproxy', 'iproute2']);
  const directory = await mkdtemp(join(tmpdir(), 'cistern-namespace-'));
  const name = basename(directory);
  // haproxy looks up namespaces by their names in this directory.
  const link = join('/run/netns', name);
  const holder = await startProcess({
    command: 'unshare',
    args: ['--net', 'sh', '-c', 'ip link set lo up && echo up && exec sleep infinity'],
    name: 'namespace',
    ready: { logLine: /^up$/ },
    removeAfter: [directory, link],
  });
  const path = `/proc/${holder.pid}/ns/net`;
  try {
    await mkdir('/run/netns', { recursive: true });
    await symlink(path, link);
    const file = join(directory, 'haproxy.cfg');
    await writeFile(file, configuration(name, { inward, outward }));
    const [probed] = inward;
    const ready = probed === undefined ? {} : { ready: { port: probed } };
    const relay = await startProcess({ command: 'haproxy', args: ['-db', '-f', file], name: 'relay', ...ready });
    return {
      name,
      prefix: ['nsenter', `--net=${path}`, '--'],
      async close() {
        await relay.kill();
        await holder.kill();
      },
    };
  } catch (error) {
    await holder.kill();
    throw error;
  }
}

function configuration(name: string, { inward, outward }: Relays): string {
  const inside = ` namespace ${name}`;
  return [
    'global',
    '    maxconn 4000',
    'defaults',
    '    mode tcp',
    '    timeout connect 5s',
    '    timeout client 10m',
    '    timeout server 10m',
    ...inward.flatMap((port) => listenLines(port, '', inside)),
    ...outward.flatMap((port) => listenLines(port, inside, '')),
    '',
  ].join('\n');
}

function listenLines(port: number, inFront: string, behind: string): string[] {
  return [`listen relay-${port}`, `    bind 127.0.0.1:${port}${inFront}`, `    server to 127.0.0.1:${port}${behind}`];
}
