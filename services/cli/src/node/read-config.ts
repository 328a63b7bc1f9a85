// Reads the configuration of a command from a file, from the environment, and from options that override settings.
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { loadConfig, type Config } from '@cistern/config';
import { StartError } from '@cistern/runtime';
import type { Environment } from '@cistern/runtime/process';
import { becomeOwner } from './become-owner.ts';

export interface ConfigOptions {
  /** Overrides `http.addr`. */
  readonly addr?: string | undefined;
  /** Overrides `storage.filesystem.rootdirectory`. */
  readonly data?: string | undefined;
}

/** The options of a command that takes no configuration file as argument. */
export interface DataOptions extends Pick<ConfigOptions, 'data'> {
  readonly config?: string;
}

/**
 * Options override the environment, and the environment overrides the file. In the image, this process becomes the
 * owner of the configured data directory, or throws `StartError`. Throws `ConfigError` with all problems of the
 * configuration.
 */
export function readConfig(path: string | undefined, env: Environment, options: ConfigOptions = {}): Config {
  const { config, rootDirectory, isImage } = load(path, env, options);
  if (isImage) becomeOwner(dataDirectoryOf(config) ?? rootDirectory);
  return config;
}

/** Reads the configuration of a node that runs. The node keeps its user. Throws as `readConfig`. */
export function readConfigAgain(path: string | undefined, env: Environment, options: ConfigOptions = {}): Config {
  return load(path, env, options).config;
}

function load(path: string | undefined, env: Environment, options: ConfigOptions) {
  const { addr, data } = options;
  // The image's Dockerfile sets this variable.
  const isImage = env['CISTERN_DEFAULTS'] === 'image';
  const { configPath, rootDirectory } = isImage
    ? findImageDefaults()
    : { configPath: undefined, rootDirectory: defaultRootDirectory(env) };
  const config = loadConfig({
    path: path ?? (env['REGISTRY_CONFIGURATION_PATH'] || configPath),
    env: {
      ...env,
      // The values are quoted, because `loadConfig` parses the values of the environment as YAML.
      ...(addr !== undefined && { REGISTRY_HTTP_ADDR: JSON.stringify(addr) }),
      ...(data !== undefined && { REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: JSON.stringify(data) }),
    },
    defaults: { rootDirectory },
  });
  return { config, rootDirectory, isImage };
}

/**
 * Returns the directory on this machine to which a node writes. Returns `undefined` if the configuration names no such
 * directory.
 */
function dataDirectoryOf({ storage, worker }: Config): string | undefined {
  if (storage.kind === 'filesystem') return storage.rootDirectory;
  return worker.spool.directory ?? (storage.kind === 's3' ? storage.indexDirectory : undefined);
}

/** Returns Cistern's data directory according to the XDG base directory specification. */
export function defaultRootDirectory(env: Readonly<Record<string, string | undefined>>): string {
  const dataHome = env['XDG_DATA_HOME'];
  if (dataHome !== undefined && isAbsolute(dataHome)) return join(dataHome, 'cistern');
  return join(homedir(), '.local', 'share', 'cistern');
}

export interface ImageFiles {
  exists(path: string): boolean;
  /** Returns the text of `/proc/self/mountinfo`; see proc_pid_mountinfo(5). */
  mountInfo(): string;
}

/** The paths of the configuration in the image of registry 3 and in the image of registry:2. */
const configPaths = ['/etc/distribution/config.yml', '/etc/docker/registry/config.yml'];
const registryDirectory = '/var/lib/registry';
const ownDirectory = '/var/lib/cistern';

const imageFiles: ImageFiles = {
  exists: existsSync,
  mountInfo: () => readFileSync('/proc/self/mountinfo', 'utf8'),
};

/**
 * Returns the default paths of the configuration and the data in the image. They are the paths of registry:2 if its
 * files or volumes exist, so that existing files and volumes stay in use (decision 0048). The command and the
 * configuration can override these defaults.
 */
export function findImageDefaults(files: ImageFiles = imageFiles) {
  const isMounted = files
    .mountInfo()
    .split('\n')
    .some((line) => line.split(' ')[4] === registryDirectory);
  const hasData = () => files.exists(`${registryDirectory}/docker/registry/v2`);
  return {
    /** `undefined` if neither file exists. */
    configPath: configPaths.find((path) => files.exists(path)),
    rootDirectory: isMounted || hasData() ? registryDirectory : ownDirectory,
  };
}

const redis = 'redis (which shares index and jobs, for example redis: { addrs: ["redis:6379"] })';
const cluster =
  'cluster (the secret of the nodes, for example cluster: { secretfile: /run/secrets/cistern }, created with openssl rand -hex 32)';

/** Throws `StartError` if `config` has no Redis, or if `secret` is true and `config` has no secret of the cluster. */
export function requireCluster(config: Config, command: string, { secret }: { readonly secret: boolean }): void {
  const missing = [
    ...(config.redis === undefined ? [redis] : []),
    ...(secret && config.cluster === undefined ? [cluster] : []),
  ];
  if (missing.length > 0)
    throw new StartError(
      `"cistern ${command}" runs one node of a cluster, and the configuration has no ${missing.join(' and no ')}. Add it, or run the whole cache in one process with "cistern serve".`,
    );
}
