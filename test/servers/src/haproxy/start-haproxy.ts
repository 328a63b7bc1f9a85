// Starts haproxy in front of frontends under test, with the configuration of infra/haproxy.
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureDebianPackages } from '../ensure-debian-packages.ts';
import { freePort } from '../free-port.ts';
import { type SupervisedProcess, startProcess } from '../start-process.ts';
import { type BalancedFrontend, haproxyAddress, haproxyConfiguration } from './haproxy-configuration.ts';

export interface HaproxyOptions {
  readonly frontends: readonly BalancedFrontend[];
  /** The version of the PROXY protocol to the frontends; default 2. */
  readonly proxyProtocol?: 1 | 2 | 'none';
  /** The name of the frontends' network namespace in /run/netns. Default: the namespace of this process. */
  readonly namespace?: string | undefined;
  /**
   * Limits for one client address: open connections, and new connections in ten seconds. The defaults are so high that
   * no test reaches them, because all clients of a test share an address.
   */
  readonly ofOneSource?: { readonly connections?: number; readonly rate?: number };
}

export interface Haproxy {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  readonly port: number;
  /** The source address of its connections to frontends, for `http.trustedproxies`: `127.0.0.2`. */
  readonly address: string;
  /** Base URL of the statistics page, `/metrics` and `/health`, without a path. */
  readonly statisticsUrl: string;
  /** Returns the state of each frontend, in their order: `UP`, `DOWN`, or a transition such as `UP 1/2`. */
  frontendStates(): Promise<string[]>;
  /** Returns the number of requests sent to each frontend so far, in their order, including retries. */
  requestCounts(): Promise<number[]>;
  readonly process: SupervisedProcess;
  close(): Promise<void>;
}

/**
 * Installs the package if it is missing. haproxy treats frontends as ready until a check fails. The caller closes it.
 */
export async function startHaproxy(options: HaproxyOptions): Promise<Haproxy> {
  const { frontends, proxyProtocol = 2, namespace, ofOneSource = {} } = options;
  const { connections = 1_000_000, rate = 1_000_000 } = ofOneSource;
  await ensureDebianPackages(['haproxy']);
  const directory = await mkdtemp(join(tmpdir(), 'cistern-haproxy-'));
  const file = join(directory, 'haproxy.cfg');
  const [port, statisticsPort] = [await freePort(), await freePort()];
  const version = proxyProtocol === 'none' ? undefined : proxyProtocol;
  const settings = { port, statisticsPort, frontends, proxyProtocol: version, namespace };
  await writeFile(file, await haproxyConfiguration(settings));
  const server = await startProcess({
    command: 'haproxy',
    args: ['-db', '-f', file],
    env: {
      // A test machine can have a low limit of file descriptors.
      HAPROXY_MAXCONN: '4000',
      HAPROXY_SOURCE_CONNECTIONS: `${connections}`,
      HAPROXY_SOURCE_RATE: `${rate}`,
    },
    ready: { port: statisticsPort },
    // SIGUSR1 lets running requests finish; SIGTERM does not.
    stopSignal: 'SIGUSR1',
    removeAfter: [directory],
  });
  const statisticsUrl = `http://127.0.0.1:${statisticsPort}`;

  async function column(name: string): Promise<string[]> {
    const answer = await fetch(`${statisticsUrl}/;csv`);
    const [head = '', ...lines] = (await answer.text()).trim().split('\n');
    const position = head.replace(/^# /, '').split(',').indexOf(name);
    const rows = lines.map((line) => line.split(',')).filter(([proxy]) => proxy === 'frontends');
    return rows.filter(([, row]) => row?.startsWith('frontend-')).map((row) => row[position] ?? '');
  }

  return {
    url: `http://127.0.0.1:${port}`,
    port,
    address: haproxyAddress,
    statisticsUrl,
    frontendStates: () => column('status'),
    requestCounts: async () => (await column('req_tot')).map(Number),
    process: server,
    close: async () => void (await server.stop('SIGTERM')),
  };
}
