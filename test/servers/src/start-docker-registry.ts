// Starts Debian's docker-registry, which is registry:2 (distribution 2.8). Tests compare Cistern with it, and use it as
// an independent upstream.
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bcryptHash } from './bcrypt-hash.ts';
import { cleanEnvironment } from './clean-environment.ts';
import { ensureDebianPackages } from './ensure-debian-packages.ts';
import { type SupervisedProcess, startProcess } from './start-process.ts';

export interface DockerRegistryOptions {
  /** Makes the registry a pull-through cache of another registry, so that it accepts no pushes. */
  readonly proxy?: { readonly remoteurl: string; readonly username?: string; readonly password?: string };
  /** The only account that can log in. Default: no authentication. */
  readonly auth?: { readonly username: string; readonly password: string };
  /** True if manifests and blobs can be deleted. Default: false. */
  readonly delete?: boolean;
  /** Default: a temporary directory that is removed at the end. A given directory is not removed. */
  readonly rootDirectory?: string;
  /** The storage driver with its parameters. Default: files in `rootDirectory`. */
  readonly storage?: Readonly<Record<string, unknown>>;
}

export interface DockerRegistry {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  readonly port: number;
  readonly rootDirectory: string;
  readonly process: SupervisedProcess;
  close(): Promise<void>;
}

const listening = /listening on 127\.0\.0\.1:(\d+)/;

/** Installs the package if it is missing. The caller closes the registry. */
export async function startDockerRegistry(options: DockerRegistryOptions = {}): Promise<DockerRegistry> {
  await ensureDebianPackages(['docker-registry']);
  const directory = await mkdtemp(join(tmpdir(), 'cistern-docker-registry-'));
  const rootDirectory = options.rootDirectory ?? join(directory, 'data');
  const config = {
    version: '0.1',
    log: { level: 'info', accesslog: { disabled: true } },
    storage: {
      ...(options.storage ?? { filesystem: { rootdirectory: rootDirectory } }),
      delete: { enabled: options.delete ?? false },
      maintenance: { uploadpurging: { enabled: false } },
    },
    http: { addr: '127.0.0.1:0', secret: 'secret of one process' },
    ...(options.proxy === undefined ? {} : { proxy: options.proxy }),
    ...(options.auth === undefined ? {} : { auth: await htpasswd(directory, options.auth) }),
  };
  const configFile = join(directory, 'config.yml');
  // JSON is valid YAML.
  await writeFile(configFile, JSON.stringify(config));
  const server = await startProcess({
    command: 'docker-registry',
    args: ['serve', configFile],
    // AWS_CA_BUNDLE would make the S3 driver of the registry fail, because the driver has its own HTTP transport.
    env: { ...cleanEnvironment(), OTEL_TRACES_EXPORTER: 'none', AWS_CA_BUNDLE: undefined },
    ready: { logLine: listening },
    removeAfter: [directory],
  });
  const port = Number(listening.exec(server.outputLines().join('\n'))?.[1]);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    rootDirectory,
    process: server,
    close: async () => void (await server.stop()),
  };
}

async function htpasswd(directory: string, account: { readonly username: string; readonly password: string }) {
  const path = join(directory, 'htpasswd');
  await writeFile(path, `${account.username}:${await bcryptHash(account.password)}\n`);
  return { htpasswd: { realm: 'docker-registry', path } };
}
