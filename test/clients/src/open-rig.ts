// Starts a Cistern with an empty store in front of two upstreams, and records the requests on both sides.
import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import { untilSteady } from '@cistern/single-node/until-steady';
import { manifestAcceptHeader } from '@cistern/oci';
import { type DockerRegistry, ensureDebianPackages, startCistern, startDockerRegistry } from '@cistern/test-servers';
import { type LoggedRequest, cisternRequests, dockerRegistryRequests } from './request-log.ts';
import { type UpstreamName, ensureTestImages, testTag } from './test-images.ts';

export interface Rig {
  /** Host and port of the cache. */
  readonly cache: string;
  /** Returns the upstream's digest of the tag of a repository. */
  digestOf(upstream: UpstreamName, repository: string): Promise<string>;
  /** Returns the requests that an upstream has answered so far. */
  upstreamRequests(upstream: UpstreamName): LoggedRequest[];
  /** Returns the requests that the cache has answered so far. */
  cacheRequests(): LoggedRequest[];
  /** Returns the lines of the cache's log so far. */
  cacheLog(): string[];
  /** Resolves when no server has logged a request for a moment, because a request is logged after its last byte. */
  settled(): Promise<void>;
  /** Starts an outage of the upstream. Resolves to a function that ends it; refused connections cannot be ended. */
  startOutage(upstream: UpstreamName, how: Outage): Promise<(() => void) | undefined>;
  close(): Promise<void>;
}

export interface OpenedStorage {
  /** The section `storage` of Cistern's configuration. */
  readonly storage: Readonly<Record<string, unknown>>;
  close(): Promise<void>;
}

/** The kinds of an upstream's outage: its host refuses connections, or accepts them and does not answer. */
export type Outage = 'refuses connections' | 'does not answer';

export interface RigOptions {
  /** Debian's packages with the client under test. */
  readonly packages: readonly string[];
  /** Default: a directory. */
  readonly openStorage?: () => Promise<OpenedStorage>;
  /** Further settings of docker.io in Cistern's configuration. Default: only its URL. */
  readonly upstream?: Readonly<Record<string, unknown>>;
  /** The section `auth` of Cistern's configuration. Default: no authentication. */
  readonly auth?: Readonly<Record<string, unknown>>;
  /** The section `log` of Cistern's configuration. Default: an access log, which `cacheRequests` reads. */
  readonly log?: Readonly<Record<string, unknown>>;
}

const accessLog = { level: 'info', accesslog: { disabled: false } };

export async function openRig({
  packages,
  openStorage,
  upstream,
  auth = {},
  log = accessLog,
}: RigOptions): Promise<Rig> {
  await ensureDebianPackages(packages);
  const images = await ensureTestImages();
  const stops: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
  };
  try {
    const opened = await openStorage?.();
    if (opened !== undefined) stops.push(opened.close);
    const dockerIo = await startDockerRegistry({ rootDirectory: join(images, 'docker.io') });
    stops.push(dockerIo.close);
    const quayIo = await startDockerRegistry({ rootDirectory: join(images, 'quay.io') });
    stops.push(quayIo.close);
    const upstreams = { 'docker.io': dockerIo, 'quay.io': quayIo };
    const cistern = await startCistern({
      config: {
        ...(opened !== undefined && { storage: opened.storage }),
        auth,
        log,
        upstreams: {
          'docker.io': { url: dockerIo.url, default: true, ...upstream },
          'quay.io': { url: quayIo.url },
        },
      },
    });
    stops.push(() => cistern.stop());
    const loggedLines = () =>
      cistern.log().length + dockerIo.process.outputLines().length + quayIo.process.outputLines().length;
    return {
      cache: `127.0.0.1:${cistern.port}`,
      digestOf: (name, repository) => digestAt(upstreams[name].url, repository),
      upstreamRequests: (name) => dockerRegistryRequests(upstreams[name].process.outputLines()),
      startOutage: (name, how) => startOutage(upstreams[name], how),
      cacheRequests: () => cisternRequests(cistern.log()),
      cacheLog: () => [...cistern.log()],
      settled: async () => void (await untilSteady(loggedLines, { looks: 30, everyMs: 10 })),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startOutage(registry: DockerRegistry, how: Outage): Promise<(() => void) | undefined> {
  if (how === 'does not answer') {
    registry.process.sendSignal('SIGSTOP');
    return () => registry.process.sendSignal('SIGCONT');
  }
  await registry.close();
  return undefined;
}

async function digestAt(url: string, repository: string): Promise<string> {
  const answer = await fetch(`${url}/v2/${repository}/manifests/${testTag}`, {
    method: 'HEAD',
    headers: { accept: manifestAcceptHeader },
  });
  const digest = answer.headers.get('docker-content-digest');
  assert.ok(answer.ok && digest !== null, `${url} does not have ${repository}: HTTP status ${answer.status}`);
  return digest;
}
