// A network of its own for some processes: nothing but loopback, and single ports of this machine's at the same numbers. So
// their configuration is that of everybody else, and whom they must not reach they cannot.
import { mkdir, mkdtemp, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { ensureDebianPackages } from '../ensure-debian-packages.ts';
import { startProcess } from '../start-process.ts';

export interface Namespace {
  /** As haproxy wants it. */
  readonly name: string;
  /** Words before a command that is to run inside. It stays the process that was started. */
  readonly prefix: readonly string[];
  close(): Promise<void>;
}

export interface Relays {
  /** Ports of 127.0.0.1 outside that lead to the same ones inside. */
  readonly inward: readonly number[];
  /** And the other way. */
  readonly outward: readonly number[];
}

/** As root on Linux; installs what is missing. The caller closes it, after the processes in it. */
export async function openNamespace({ inward, outward }: Relays): Promise<Namespace> {
  await ensureDebianPackages(['haproxy', 'iproute2']);
  const directory = await mkdtemp(join(tmpdir(), 'cistern-namespace-'));
  const name = basename(directory);
  // Where haproxy looks for namespaces by their names.
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
