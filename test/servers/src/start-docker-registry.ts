// Starts Debian's docker-registry, which is registry:2 (distribution 2.8). It is the cache that Cistern is compared
// with, and an independent upstream.
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bcryptHash } from './bcrypt-hash.ts';
import { cleanEnvironment } from './clean-environment.ts';
import { ensureDebianPackages } from './ensure-debian-packages.ts';
import { type SupervisedProcess, startProcess } from './start-process.ts';

export interface DockerRegistryOptions {
  /** Makes it a pull-through cache of this registry, which rules out pushes. */
  readonly proxy?: { readonly remoteurl: string; readonly username?: string; readonly password?: string };
  /** The only account that may log in. Default: no authentication. */
  readonly auth?: { readonly username: string; readonly password: string };
  /** Whether manifests and blobs may be deleted; default false. */
  readonly delete?: boolean;
  /** Default: a temporary directory that is removed at the end. A given directory stays. */
  readonly rootDirectory?: string;
  /** Replaces the files in `rootDirectory` by another driver with its parameters. */
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
    // AWS_CA_BUNDLE would make its S3 driver fail, because the driver has its own transport.
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
