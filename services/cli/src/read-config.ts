// The configuration of a command: file, environment and the few options that stand for keys.
import { loadConfig, type Config, type Environment } from '@cistern/config';
import { defaultRootDirectory } from './default-root-directory.ts';

export interface ConfigOptions {
  /** `http.addr`. */
  readonly addr?: string | undefined;
  /** `storage.filesystem.rootdirectory`. */
  readonly data?: string | undefined;
}

/** Options win over the environment, and that over the file. Throws `ConfigError` with every problem. */
export function readConfig(path: string | undefined, env: Environment, options: ConfigOptions = {}): Config {
  const { addr, data } = options;
  return loadConfig({
    path,
    env: {
      ...env,
      // Quoted, because values are YAML.
      ...(addr !== undefined && { REGISTRY_HTTP_ADDR: JSON.stringify(addr) }),
      ...(data !== undefined && { REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: JSON.stringify(data) }),
    },
    defaults: { rootDirectory: defaultRootDirectory(env) },
  });
}
