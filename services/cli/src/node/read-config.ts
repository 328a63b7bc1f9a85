// The configuration of a command: file, environment and the few options that stand for keys.
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { loadConfig, type Config } from '@cistern/config';
import { StartError } from '@cistern/runtime';
import type { Environment } from '@cistern/runtime/process';
import { becomeOwner } from './become-owner.ts';

export interface ConfigOptions {
  /** `http.addr`. */
  readonly addr?: string | undefined;
  /** `storage.filesystem.rootdirectory`. */
  readonly data?: string | undefined;
}

/** The options of a command whose arguments are no file. */
export interface DataOptions extends Pick<ConfigOptions, 'data'> {
  readonly config?: string;
}

/**
 * Options win over the environment, and that over the file. In the image this process goes on as the owner of the data that
 * the configuration names. Throws `ConfigError` with every problem.
 */
export function readConfig(path: string | undefined, env: Environment, options: ConfigOptions = {}): Config {
  const { addr, data } = options;
  // The image's Dockerfile sets it.
  const isImage = env['CISTERN_DEFAULTS'] === 'image';
  const { configPath, rootDirectory } = isImage
    ? findImageDefaults()
    : { configPath: undefined, rootDirectory: defaultRootDirectory(env) };
  const config = loadConfig({
    path: path ?? (env['REGISTRY_CONFIGURATION_PATH'] || configPath),
    env: {
      ...env,
      // Quoted, because values are YAML.
      ...(addr !== undefined && { REGISTRY_HTTP_ADDR: JSON.stringify(addr) }),
      ...(data !== undefined && { REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: JSON.stringify(data) }),
    },
    defaults: { rootDirectory },
  });
  if (isImage) becomeOwner(dataDirectoryOf(config) ?? rootDirectory);
  return config;
}

/** What is written on this machine; `undefined`: nothing that the configuration names. */
function dataDirectoryOf({ storage, worker }: Config): string | undefined {
  if (storage.kind === 'filesystem') return storage.rootDirectory;
  return worker.spool.directory ?? (storage.kind === 's3' ? storage.indexDirectory : undefined);
}

/** The XDG base directory specification's data directory for Cistern. */
function defaultRootDirectory(env: Readonly<Record<string, string | undefined>>): string {
  const dataHome = env['XDG_DATA_HOME'];
  if (dataHome !== undefined && isAbsolute(dataHome)) return join(dataHome, 'cistern');
  return join(homedir(), '.local', 'share', 'cistern');
}

export interface ImageFiles {
  exists(path: string): boolean;
  /** The text of `/proc/self/mountinfo`; see proc_pid_mountinfo(5). */
  mountInfo(): string;
}

/** Of registry 3's image and of registry:2's. */
const configPaths = ['/etc/distribution/config.yml', '/etc/docker/registry/config.yml'];
const registryDirectory = '/var/lib/registry';
const ownDirectory = '/var/lib/cistern';

const imageFiles: ImageFiles = {
  exists: existsSync,
  mountInfo: () => readFileSync('/proc/self/mountinfo', 'utf8'),
};

/**
 * Where the image has the configuration and the data, unless the command or the configuration names another place: where
 * registry:2 has them, if they are there, so that its volumes and files mean the same (decision 0048).
 */
export function findImageDefaults(files: ImageFiles = imageFiles) {
  const isMounted = files
    .mountInfo()
    .split('\n')
    .some((line) => line.split(' ')[4] === registryDirectory);
  const hasData = () => files.exists(`${registryDirectory}/docker/registry/v2`);
  return {
    /** `undefined`: there is no file. */
    configPath: configPaths.find((path) => files.exists(path)),
    rootDirectory: isMounted || hasData() ? registryDirectory : ownDirectory,
  };
}

const redis = 'redis (where index and jobs are shared, for example redis: { addrs: ["redis:6379"] })';
const cluster =
  'cluster (the secret of the nodes, for example cluster: { secretfile: /run/secrets/cistern }, made with openssl rand -hex 32)';

/** Throws `StartError` unless `config` is that of a cluster. */
export function requireCluster(config: Config, command: string, { secret }: { readonly secret: boolean }): void {
  const missing = [
    ...(config.redis === undefined ? [redis] : []),
    ...(secret && config.cluster === undefined ? [cluster] : []),
  ];
  if (missing.length > 0)
    throw new StartError(
      `"cistern ${command}" is one node of a cluster, and the configuration has no ${missing.join(' and no ')}: add that, or run the whole cache in one process with "cistern serve".`,
    );
}
