// Starts the real `cistern serve` as its own process. A later start can use the same data.
import { cisternCommand } from './cistern-command.ts';
import { type CisternConfiguration, type CisternPlace, prepareCistern } from './prepare-cistern.ts';
import { type ProcessExit, type SupervisedProcess, startProcess } from './start-process.ts';

export interface CisternOptions extends CisternConfiguration {
  /** Further arguments of `serve`. */
  readonly args?: readonly string[];
  readonly stopTimeoutMs?: number;
  /** The directory of another checkout or of an unpacked release, whose `cistern` runs. Default: this checkout. */
  readonly product?: string | undefined;
}

export interface Cistern extends CisternPlace {
  readonly pid: number;
  /** Returns the log lines so far. Call it before `stop` or `kill`, because they remove the log. */
  log(): string[];
  /** Sends a signal, SIGTERM by default, and resolves when the process has ended. Idempotent. */
  stop(signal?: NodeJS.Signals): Promise<ProcessExit>;
  /** Sends SIGKILL. */
  kill(): Promise<ProcessExit>;
  readonly process: SupervisedProcess;
}

/**
 * Resolves when `/v2/` returns 200, or 401 with authentication. With TLS, resolves when `/readyz` returns 200. The
 * caller stops the process.
 */
export async function startCistern(options: CisternOptions = {}): Promise<Cistern> {
  const { directory, configFile, env, isSecure, ...where } = await prepareCistern(options);
  const [command, ...first] = cisternCommand(options.product);
  const server = await startProcess({
    command,
    args: [...first, 'serve', configFile, ...(options.args ?? [])],
    name: 'cistern',
    cwd: directory,
    env,
    ready: { http: isSecure ? `${where.metricsUrl}/readyz` : `${where.url}/v2/`, status: [200, 401] },
    stopTimeoutMs: options.stopTimeoutMs ?? 60_000,
    removeAfter: [directory],
  });
  return {
    ...where,
    pid: server.pid,
    log: () => server.outputLines(),
    stop: (signal) => server.stop(signal),
    kill: () => server.kill(),
    process: server,
  };
}
