// Runs one node of a cluster as a process that can be frozen, stopped, killed and started again at the same address.
import { join } from 'node:path';
import { cisternCommand } from '../cistern-command.ts';
import { cleanEnvironment } from '../clean-environment.ts';
import { type ProcessExit, type SupervisedProcess, startProcess } from '../start-process.ts';

export interface ClusterNode {
  readonly kind: 'frontend' | 'worker' | 'admin';
  /** `frontend-1` or `worker-2`, for example. */
  readonly name: string;
  /** URL of a frontend's registry, a worker's fill server or the admin server: `http://127.0.0.1:<port>`. */
  readonly url: string;
  readonly port: number;
  /** Base URL of `/metrics`, `/healthz` and `/readyz`, without a path. */
  readonly metricsUrl: string;
  readonly debugPort: number;
  /** The id of the current or last process. */
  readonly pid: number;
  isRunning(): boolean;
  /** Returns all log lines so far, including those of earlier processes. */
  log(): string[];
  /** Sends a signal to the process and does not wait. */
  sendSignal(signal: NodeJS.Signals): void;
  /** Sends SIGSTOP: the kernel still accepts connections, but the process answers nothing. */
  freeze(): void;
  thaw(): void;
  /** Sends a signal, SIGTERM by default, and resolves when the process has ended. Idempotent. */
  stop(signal?: NodeJS.Signals): Promise<ProcessExit>;
  /** Sends SIGKILL. */
  kill(): Promise<ProcessExit>;
  /** Resolves when the process has ended. */
  waitForExit(): Promise<ProcessExit>;
  /**
   * Starts another process with the same address and configuration. `product` replaces `ClusterNodeOptions.product`
   * from now on. The previous process must have ended. Resolves when the new process is ready.
   */
  start(product?: string): Promise<void>;
}

export interface ClusterNodeOptions {
  readonly kind: ClusterNode['kind'];
  readonly name: string;
  readonly port: number;
  readonly debugPort: number;
  readonly configFile: string;
  /** The directory of this cluster, for the node's log and a worker's spool. */
  readonly directory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The words before the command, for example `['ip', 'netns', 'exec', 'inner']` to run it in a network namespace. */
  readonly prefix: readonly string[];
  readonly stopTimeoutMs: number;
  /** The same as `CisternOptions.product`. */
  readonly product?: string | undefined;
}

/** Starts a node and resolves when `/readyz` succeeds. The caller ends it with `stop` or `kill`. */
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
  let { product } = options;
  const run = () => {
    const words = [...options.prefix, ...cisternCommand(product), kind, options.configFile];
    return startProcess({
      command: words[0] ?? '',
      args: words.slice(1),
      name,
      cwd: directory,
      env: { ...cleanEnvironment(), REGISTRY_HTTP_DEBUG_ADDR: `127.0.0.1:${debugPort}`, ...own, ...options.env },
      outputFile: join(directory, `${name}.log`),
      ready: { http: `${metricsUrl}/readyz` },
      stopTimeoutMs: options.stopTimeoutMs,
    });
  };
  let current: SupervisedProcess = await run();

  async function stop(signal?: NodeJS.Signals): Promise<ProcessExit> {
    // A frozen process handles the signal only after it is thawed.
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
    async start(other = product) {
      if (current.isRunning()) throw new Error(`${name} is still running. Stop it first.`);
      product = other;
      current = await run();
    },
  };
}
