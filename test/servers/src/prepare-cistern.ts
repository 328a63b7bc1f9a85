// Chooses the addresses and directories of a `cistern serve` under test, and writes its configuration file.
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cleanEnvironment } from './clean-environment.ts';
import { freePort } from './free-port.ts';
import { mergeSections } from './merge-sections.ts';

export interface CisternConfiguration {
  /**
   * The configuration. Sections are merged into a default that uses free ports and `rootDirectory`; `storage` replaces
   * the whole default `storage`. A string is the complete file. Then environment variables set the same ports and
   * `rootDirectory`.
   */
  readonly config?: Readonly<Record<string, unknown>> | string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /**
   * Default: a temporary directory that is removed at the end. A given directory is not removed, so that the next start
   * can use it.
   */
  readonly rootDirectory?: string;
  /** The port of the registry, for a start at the same address as before. Default: a free port. */
  readonly port?: number;
}

export interface CisternPlace {
  /** `http://127.0.0.1:<port>`, or the same with `https`. */
  readonly url: string;
  readonly port: number;
  /** Base URL of `/metrics`, `/healthz` and `/readyz`, without a path. */
  readonly metricsUrl: string;
  readonly rootDirectory: string;
}

export interface PreparedCistern extends CisternPlace {
  readonly configFile: string;
  /** Variables added to this process's environment. `undefined` removes a variable. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly isSecure: boolean;
  /**
   * Contains the configuration file, and also `rootDirectory` unless the options name one. The caller removes the
   * directory.
   */
  readonly directory: string;
}

export async function prepareCistern(options: CisternConfiguration): Promise<PreparedCistern> {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-serve-'));
  const rootDirectory = options.rootDirectory ?? join(directory, 'data');
  const port = options.port ?? (await freePort());
  const addresses = { registry: `127.0.0.1:${port}`, debug: `127.0.0.1:${await freePort()}` };
  const configFile = join(directory, 'config.yml');
  const { config = {} } = options;
  const isText = typeof config === 'string';
  const isSecure = !isText && 'tls' in Object(config['http']);
  await writeFile(
    configFile,
    // JSON is valid YAML.
    isText ? config : JSON.stringify(mergeSections(defaults(addresses, rootDirectory), config)),
  );
  return {
    url: `${isSecure ? 'https' : 'http'}://${addresses.registry}`,
    port,
    metricsUrl: `http://${addresses.debug}`,
    rootDirectory,
    configFile,
    env: { ...cleanEnvironment(), ...(isText ? environment(addresses, rootDirectory) : {}), ...options.env },
    isSecure,
    directory,
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
