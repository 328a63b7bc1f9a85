// Debian's docker-registry, which is registry:2 (distribution 2.8): the cache that Cistern is measured against, and an
// upstream that somebody else wrote.
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bcryptHash } from './bcrypt-hash.ts';
import { cleanEnvironment } from './clean-environment.ts';
import { ensureDebianPackages } from './ensure-debian-packages.ts';
import { type SupervisedProcess, startProcess } from './start-process.ts';

export interface DockerRegistryOptions {
  /** Be a pull-through cache of this registry; pushing is not possible then. */
  readonly proxy?: { readonly remoteurl: string; readonly username?: string; readonly password?: string };
  /** The one account that may come in; default: everybody may. */
  readonly auth?: { readonly username: string; readonly password: string };
  /** Whether manifests and blobs may be deleted; default false. */
  readonly delete?: boolean;
  /** Default: a temporary directory that is removed in the end. One that is given stays. */
  readonly rootDirectory?: string;
  /** Stands for the files in `rootDirectory`: another driver with its parameters. */
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

/** Installs the package if it is missing. The caller closes what it gets. */
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
    http: { addr: '127.0.0.1:0', secret: 'of one process' },
    ...(options.proxy === undefined ? {} : { proxy: options.proxy }),
    ...(options.auth === undefined ? {} : { auth: await htpasswd(directory, options.auth) }),
  };
  const configFile = join(directory, 'config.yml');
  // JSON is YAML.
  await writeFile(configFile, JSON.stringify(config));
  const server = await startProcess({
    command: 'docker-registry',
    args: ['serve', configFile],
    // With a transport of its own, its S3 driver ends over a bundle of authorities that the environment names.
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
