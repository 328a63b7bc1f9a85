// Where the configuration and the data are in the image: where registry:2 has them, if they are there, so that its volumes and
// files mean the same (decision 0048).
import { existsSync, readFileSync } from 'node:fs';

export interface ImageFiles {
  exists(path: string): boolean;
  /** The text of `/proc/self/mountinfo`; see proc_pid_mountinfo(5). */
  mountInfo(): string;
}

export interface ImageDefaults {
  /** `undefined`: there is no file. */
  readonly configPath: string | undefined;
  readonly rootDirectory: string;
}

/** Of registry 3's image and of registry:2's. */
const configPaths = ['/etc/distribution/config.yml', '/etc/docker/registry/config.yml'];
const registryDirectory = '/var/lib/registry';
const ownDirectory = '/var/lib/cistern';

const imageFiles: ImageFiles = {
  exists: existsSync,
  mountInfo: () => readFileSync('/proc/self/mountinfo', 'utf8'),
};

/** What holds unless the command or the configuration says otherwise. */
export function findImageDefaults(files: ImageFiles = imageFiles): ImageDefaults {
  const isMounted = files
    .mountInfo()
    .split('\n')
    .some((line) => line.split(' ')[4] === registryDirectory);
  const hasData = () => files.exists(`${registryDirectory}/docker/registry/v2`);
  return {
    configPath: configPaths.find((path) => files.exists(path)),
    rootDirectory: isMounted || hasData() ? registryDirectory : ownDirectory,
  };
}
