// The banners at startup. A banner shows the addresses of a node and its main settings. The banner of a node that
// clients pull from also shows how to configure the clients.
import type { Config } from '@cistern/config';
import { columns, describeRedis, describeStorage, describeUpstreams, type Row } from './describe-config.ts';
import type { NodeUrls } from './open-node.ts';
import { version } from './version.ts';

/** Returns the banner of a node that clients pull from, ended by a line break. `kind` is for example ` frontend`. */
export function registryBanner(config: Config, urls: NodeUrls, kind = ''): string {
  const { clients: url = '', console: operators, debug } = urls;
  const facts = columns([
    ['caches', describeUpstreams(config.upstreams)],
    ...commonFacts(config, debug),
    ['console', operators],
  ]);
  const hints = url.startsWith('http') ? clientHints(nameOf(url, config), config) : '';
  return `Cistern ${version}${kind} listens on ${url}\n${facts}${hints}`;
}

export function workerBanner(config: Config, { peers, debug }: NodeUrls): string {
  const facts = columns([['fetches from', describeUpstreams(config.upstreams)], ...commonFacts(config, debug)]);
  return `Cistern ${version} worker serves frontends on ${peers}\n${facts}`;
}

export function adminBanner(config: Config, { clients, debug }: NodeUrls): string {
  const facts = columns([...commonFacts(config, debug), ['console', `${clients}/console/`]]);
  return `Cistern ${version} admin listens on ${clients}\n${facts}`;
}

function commonFacts({ storage, redis, http: { debug } }: Config, debugUrl: string | undefined): readonly Row[] {
  const paths = `${debug.prometheus.enabled ? `${debug.prometheus.path}, ` : ''}/healthz, /readyz`;
  return [
    ['data', describeStorage(storage)],
    ['index, jobs', redis && describeRedis(redis)],
    ['metrics, health', debugUrl === undefined ? 'off' : `${debugUrl}  (${paths})`],
  ];
}

/**
 * Returns the URL with a host name of the ACME certificate instead of `localhost`, because the certificate is not valid
 * for `localhost`. Returns the URL unchanged if there is no such host name.
 */
function nameOf(url: string, { http: { tls } }: Config): string {
  const hosts = tls?.certificates.kind === 'acme' ? tls.certificates.hosts : [];
  const name = hosts.find((host) => !host.startsWith('*'));
  return name === undefined ? url : url.replace('//localhost', `//${name}`);
}

function clientHints(url: string, { upstreams }: Config): string {
  const [scheme, host = ''] = url.split('://');
  const isPlain = scheme === 'http';
  const name = (upstreams.find(({ isDefault }) => isDefault) ?? upstreams[0])?.name ?? 'docker.io';
  const hints = columns([
    ['docker', `/etc/docker/daemon.json:  { "registry-mirrors": ["${url}"] }`],
    ['containerd', `/etc/containerd/certs.d/_default/hosts.toml:  [host."${url}"]`],
    [
      'BuildKit',
      `buildkitd.toml:  registry."${name}".mirrors = ["${host}"]${isPlain ? `  and  registry."${host}".http = true` : ''}`,
    ],
    [
      'podman',
      `registries.conf:  [[registry.mirror]]  location = "${host}/${name}"${isPlain ? '  insecure = true' : ''}`,
    ],
    ['by name', `${host}/${name}/<repository>:<tag>`],
  ]);
  return `Point clients at it (see the README for more):\n${hints}`;
}
