import type { Config } from '@cistern/config';
import { type TokenCache, type Upstream, openUpstream, proxyFor } from '@cistern/upstream';
import type { AssembleOptions } from './assemble-options.ts';

/** Every configured upstream by its name. Nothing is dialled before a client asks. */
export function openUpstreams(
  upstreams: Config['upstreams'],
  {
    log,
    metrics,
    env,
    version,
    instanceId,
    tokens,
  }: AssembleOptions & { readonly instanceId: string; readonly tokens: TokenCache | undefined },
): ReadonlyMap<string, Upstream> {
  const open = ({ name, url, credentials, proxyUrl, timeouts, ...upstream }: Config['upstreams'][number]): Upstream =>
    openUpstream({
      name,
      url,
      credentials: credentials && { username: credentials.username, password: credentials.password.reveal() },
      allowPrivate: upstream.allowPrivateAddresses,
      proxy: proxyUrl === undefined ? (target) => proxyFor(target, env) : { url: proxyUrl.reveal() },
      tls: {
        ca: upstream.ca,
        certificate: upstream.clientCertificate?.certificate,
        key: upstream.clientCertificate?.key.reveal(),
      },
      timeouts: {
        connectTimeoutMs: timeouts.connectMs,
        headersTimeoutMs: timeouts.headersMs,
        bodyIdleTimeoutMs: timeouts.bodyMs,
      },
      maxConnections: upstream.maxConnections,
      instanceId,
      version,
      tokens,
      metrics,
      log,
    });
  return new Map(upstreams.map((upstream) => [upstream.name, open(upstream)]));
}
