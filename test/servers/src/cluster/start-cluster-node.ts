// One process of a cluster, which can be frozen, stopped, killed and started again at the same address.
import { join } from 'node:path';
import { cisternCommand } from '../cistern-command.ts';
import { cleanEnvironment } from '../clean-environment.ts';
import { type ProcessExit, type SupervisedProcess, startProcess } from '../start-process.ts';

export interface ClusterNode {
  readonly kind: 'frontend' | 'worker' | 'admin';
  /** `frontend-1`, `worker-2`. */
  readonly name: string;
  /** A frontend's registry, a worker's fill server, the admin server: `http://127.0.0.1:<port>`. */
  readonly url: string;
  readonly port: number;
  /** Of `/metrics`, `/healthz` and `/readyz`, without a path. */
  readonly metricsUrl: string;
  readonly debugPort: number;
  /** Of the process that runs, or ran last. */
  readonly pid: number;
  isRunning(): boolean;
  /** Lines of its log so far, those of earlier processes included. */
  log(): string[];
  /** Sends a signal and waits for nothing. */
  sendSignal(signal: NodeJS.Signals): void;
  /** SIGSTOP: connections are accepted (the system does that), and nothing is answered. */
  freeze(): void;
  thaw(): void;
  /** Default SIGTERM. Resolves when it has ended. Idempotent. */
  stop(signal?: NodeJS.Signals): Promise<ProcessExit>;
  /** `kill -9`. */
  kill(): Promise<ProcessExit>;
  /** Resolves when it has ended by itself or by a signal. */
  waitForExit(): Promise<ProcessExit>;
  /** After its end: another process, at the same address and with the same configuration. Ready when it resolves. */
  start(): Promise<void>;
}

export interface ClusterNodeOptions {
  readonly kind: ClusterNode['kind'];
  readonly name: string;
  readonly port: number;
  readonly debugPort: number;
  readonly configFile: string;
  /** Of this cluster: for its log and a worker's spool. */
  readonly directory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Words before the command, for a process that is to run elsewhere: `['ip', 'netns', 'exec', 'inner']`. */
  readonly prefix: readonly string[];
  readonly stopTimeoutMs: number;
  /** As `CisternOptions.checkout`. */
  readonly checkout?: string | undefined;
}

/** Ready when `/readyz` says so. The caller ends it with `stop` or `kill`. */
export async function startClusterNode(options: ClusterNodeOptions): Promise<ClusterNode> {
  const { kind, name, port, debugPort, directory } = options;
  const [address, url] = [`127.0.0.1:${port}`, `http://127.0.0.1:${port}`];
  const metricsUrl = `http://127.0.0.1:${debugPort}`;
  const own = {
    frontend: { REGISTRY_HTTP_ADDR: address },
    worker: {
      REGISTRY_WORKER_ADDR: address,
      REGISTRY_WORKER_ADVERTISE: url,
      REGISTRY_WORKER_SPOOL_DIRECTORY: join(directory, `${name}-spool`),
    },
    admin: { REGISTRY_ADMIN_ADDR: address },
  }[kind];
  const words = [...options.prefix, ...cisternCommand(options.checkout), kind, options.configFile];
  const run = () =>
    startProcess({
      command: words[0] ?? '',
      args: words.slice(1),
      name,
      cwd: directory,
      env: { ...cleanEnvironment(), REGISTRY_HTTP_DEBUG_ADDR: `127.0.0.1:${debugPort}`, ...own, ...options.env },
      outputFile: join(directory, `${name}.log`),
      ready: { http: `${metricsUrl}/readyz` },
      stopTimeoutMs: options.stopTimeoutMs,
    });
  let current: SupervisedProcess = await run();

  async function stop(signal?: NodeJS.Signals): Promise<ProcessExit> {
    // A frozen process would get to see the signal only when it is thawed.
    if (current.isRunning()) current.sendSignal('SIGCONT');
    return current.stop(signal);
  }

  return {
    kind,
    name,
    url,
    port,
    metricsUrl,
    debugPort,
    get pid() {
      return current.pid;
    },
    isRunning: () => current.isRunning(),
    log: () => current.outputLines(),
    sendSignal: (signal) => current.sendSignal(signal),
    freeze: () => current.sendSignal('SIGSTOP'),
    thaw: () => current.sendSignal('SIGCONT'),
    stop,
    kill: () => current.kill(),
    waitForExit: () => current.waitForExit(),
    async start() {
      if (current.isRunning()) throw new Error(`${name} still runs: stop it first.`);
      current = await run();
    },
  };
}
