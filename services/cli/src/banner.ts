// What a person sees at the start: where the cache is, what it does, and how to point clients at it.
import type { Config } from '@cistern/config';
import { columns, describeStorage, describeUpstreams } from './describe-config.ts';

export interface BannerFacts {
  readonly version: string;
  readonly config: Config;
  /** Of the registry, for example `http://localhost:5000`. */
  readonly url: string;
  /** Of metrics and health; `undefined`: there is no such listener. */
  readonly debugUrl: string | undefined;
}

/** Several lines, the last one ended. */
export function formatBanner({ version, config, url, debugUrl }: BannerFacts): string {
  const { prometheus } = config.http.debug;
  const paths = `${prometheus.enabled ? `${prometheus.path}, ` : ''}/healthz, /readyz`;
  const facts = columns([
    ['caches', describeUpstreams(config.upstreams)],
    ['data', describeStorage(config.storage)],
    ['metrics, health', debugUrl === undefined ? 'off' : `${debugUrl}  (${paths})`],
  ]);
  return `Cistern ${version} listens on ${url}\n${facts}${url.startsWith('http') ? clientHints(url, config) : ''}`;
}

function clientHints(url: string, { upstreams }: Config): string {
  const host = url.replace(/^https?:\/\//, '');
  const name = (upstreams.find(({ isDefault }) => isDefault) ?? upstreams[0])?.name ?? 'docker.io';
  const hints = columns([
    ['docker', `/etc/docker/daemon.json:  { "registry-mirrors": ["${url}"] }`],
    ['containerd', `/etc/containerd/certs.d/_default/hosts.toml:  [host."${url}"]`],
    ['BuildKit', `buildkitd.toml:  registry."${name}".mirrors = ["${host}"]  and  registry."${host}".http = true`],
    ['podman', `registries.conf:  [[registry.mirror]]  location = "${host}/${name}"  insecure = true`],
    ['by name', `${host}/${name}/<repository>:<tag>`],
  ]);
  return `Point clients at it (the README has more):\n${hints}`;
}
