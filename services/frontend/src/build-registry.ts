// The registry's listener, as the configuration wants it.
import type { FrontendAssembly } from './wiring/wire-frontend.ts';
import type { Config } from '@cistern/config';
import type { Listener, NodeContext } from '@cistern/runtime/process';
import { buildFrontend } from './build-frontend.ts';

export function buildRegistry(
  {
    http,
    limits: limitsConfig,
    storageRedirect,
    webhooks,
  }: Pick<Config, 'http' | 'limits' | 'storageRedirect' | 'webhooks'>,
  {
    pullThrough,
    upstreams,
    authenticator,
    authorize,
    limits,
    tokenServer,
    callerSeal,
    pageSeal,
    instanceId,
    pushes,
    audit,
    tls,
  }: FrontendAssembly,
  { log, metrics, accessLog, tracing }: NodeContext,
): Listener {
  const app = buildFrontend({
    pullThrough,
    upstreams,
    authenticator,
    authorize,
    limits,
    maxConnections: limitsConfig.connections,
    unlimitedNetworks: limitsConfig.exceptNetworks,
    tokenServer,
    callerSeal,
    pageSeal,
    instanceId,
    log,
    metrics,
    accessLog,
    audit,
    tracing,
    headers: http.headers,
    trustedProxies: http.trustedProxies,
    proxyProtocol: http.proxyProtocol,
    redirectExcept: storageRedirect?.exceptNetworks,
    revalidateFrom: http.revalidateFrom,
    webhooks: { webhooks, pushes },
    tls,
    now: Date.now,
  });
  return { app, address: http.address, key: 'http.addr', reusePort: http.reusePort };
}
