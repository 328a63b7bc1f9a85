// The real `cistern serve`, as a process of its own that can be stopped, killed and started again on the same data.
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cisternCommand } from './cistern-command.ts';
import { cleanEnvironment } from './clean-environment.ts';
import { freePort } from './free-port.ts';
import { layOver } from './lay-over.ts';
import { type ProcessExit, type SupervisedProcess, startProcess } from './start-process.ts';

export interface CisternOptions {
  /**
   * The configuration. A map of sections is laid over one that listens on free ports and stores in `rootDirectory`; a
   * section of `storage` replaces that whole. Text is a file of its own, over which the environment sets the same things.
   */
  readonly config?: Readonly<Record<string, unknown>> | string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Further arguments of `serve`. */
  readonly args?: readonly string[];
  /** Default: a temporary directory that is removed in the end. One that is given stays, for the next start. */
  readonly rootDirectory?: string;
  /** Of the registry, to come back at the same address; default: a free one. */
  readonly port?: number;
  readonly stopTimeoutMs?: number;
  /** The directory of another checkout whose program is started; default: this one. */
  readonly checkout?: string | undefined;
}

export interface Cistern {
  /** `http://127.0.0.1:<port>`, or with `https`. */
  readonly url: string;
  readonly port: number;
  /** Of `/metrics`, `/healthz` and `/readyz`, without a path. */
  readonly metricsUrl: string;
  readonly pid: number;
  readonly rootDirectory: string;
  /** Lines of its log so far. Readable until it has been stopped. */
  log(): string[];
  /** Default SIGTERM. Resolves when it has ended. Idempotent. */
  stop(signal?: NodeJS.Signals): Promise<ProcessExit>;
  /** `kill -9`. */
  kill(): Promise<ProcessExit>;
  readonly process: SupervisedProcess;
}

/** Ready when it answers `/v2/`, with 200 or, if it wants to know who asks, 401; with TLS when it says so. The caller stops it. */
export async function startCistern(options: CisternOptions = {}): Promise<Cistern> {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-serve-'));
  const rootDirectory = options.rootDirectory ?? join(directory, 'data');
  const port = options.port ?? (await freePort());
  const debugPort = await freePort();
  const addresses = { registry: `127.0.0.1:${port}`, debug: `127.0.0.1:${debugPort}` };
  const configFile = join(directory, 'config.yml');
  const { config = {} } = options;
  const isSecure = typeof config !== 'string' && 'tls' in Object(config['http']);
  await writeFile(
    configFile,
    // JSON is YAML.
    typeof config === 'string' ? config : JSON.stringify(layOver(defaults(addresses, rootDirectory), config)),
  );
  const [command, ...first] = cisternCommand(options.checkout);
  const server = await startProcess({
    command,
    args: [...first, 'serve', configFile, ...(options.args ?? [])],
    name: 'cistern',
    cwd: directory,
    env: {
      ...cleanEnvironment(),
      ...(typeof config === 'string' ? environment(addresses, rootDirectory) : {}),
      ...options.env,
    },
    ready: {
      http: isSecure ? `http://${addresses.debug}/readyz` : `http://${addresses.registry}/v2/`,
      status: [200, 401],
    },
    stopTimeoutMs: options.stopTimeoutMs ?? 60_000,
    removeAfter: [directory],
  });
  return {
    url: `${isSecure ? 'https' : 'http'}://${addresses.registry}`,
    port,
    metricsUrl: `http://${addresses.debug}`,
    pid: server.pid,
    rootDirectory,
    log: () => server.outputLines(),
    stop: (signal) => server.stop(signal),
    kill: () => server.kill(),
    process: server,
  };
}

interface Addresses {
  readonly registry: string;
  readonly debug: string;
}

function defaults(addresses: Addresses, rootdirectory: string): Record<string, unknown> {
  return {
    version: '0.1',
    http: {
      addr: addresses.registry,
      draintimeout: '5s',
      debug: { addr: addresses.debug, prometheus: { enabled: true } },
    },
    storage: { filesystem: { rootdirectory } },
    admin: { addr: '' },
  };
}

function environment(addresses: Addresses, rootDirectory: string): Record<string, string> {
  return {
    REGISTRY_HTTP_ADDR: addresses.registry,
    REGISTRY_HTTP_DEBUG_ADDR: addresses.debug,
    REGISTRY_HTTP_DEBUG_PROMETHEUS_ENABLED: 'true',
    REGISTRY_ADMIN_ADDR: '""',
    REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: rootDirectory,
  };
}
