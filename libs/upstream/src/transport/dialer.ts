// The one place where connections to an upstream, its token server and its storage are opened: egress policy, proxy,
// TLS, connection caps and keep-alive. HTTP/1.1 only.
import { lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { getCACertificates } from 'node:tls';
import { CacheError } from '@cistern/errors';
import { Agent, buildConnector, type Dispatcher, Pool, ProxyAgent } from 'undici';
import type { ProxyTarget, UpstreamTls } from '../upstream-settings.ts';
import { isOwnPlace, nameUpstream, type UpstreamIdentity } from '../upstream-identity.ts';
import { isPublicAddress } from './egress-policy.ts';
import { forbiddenAddress, publicOnly } from './public-only.ts';

export interface DialerOptions {
  readonly upstream: UpstreamIdentity;
  readonly allowPrivate: boolean;
  readonly proxyFor: (url: URL) => ProxyTarget | undefined;
  readonly tls: UpstreamTls;
  readonly connectTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  /** Per host that is dialled. */
  readonly maxConnections: number;
  /** Default: the system's resolver. */
  readonly lookup?: LookupFunction | undefined;
}

export interface Dialer {
  /**
   * `isRedirected`: the upstream chose the URL by a redirect. Throws `upstream-refused-us` for an address that the egress
   * policy forbids, here or when the name is resolved. Over a proxy only literal addresses are judged: it is the proxy that
   * resolves names.
   */
  dispatcherFor(url: URL, isRedirected?: boolean): Dispatcher;
  /** Breaks off whatever is still open. */
  close(): Promise<void>;
}

export function createDialer(options: DialerOptions): Dialer {
  const { upstream, allowPrivate, proxyFor } = options;
  const dispatchers = new Map<string, Dispatcher>();
  let closed = false;
  return {
    dispatcherFor(url, isRedirected) {
      if (closed)
        throw new CacheError('upstream-unreachable', `${nameUpstream(upstream, url.host)} is no longer in use here.`);
      // The operator named the upstream's host, so it may be private; it alone is shown the client certificate.
      const own = isOwnPlace(upstream, url, isRedirected);
      const trusted = own || allowPrivate;
      const proxy = proxyFor(url);
      if (!trusted) refuseLiteral(upstream, url, proxy !== undefined);
      const key = `${own} ${proxy?.url ?? ''}`;
      const existing = dispatchers.get(key);
      if (existing !== undefined) return existing;
      const dispatcher =
        proxy === undefined ? openDirect(options, own, trusted) : openThroughProxy(options, own, proxy);
      dispatchers.set(key, dispatcher);
      return dispatcher;
    },
    async close() {
      closed = true;
      await Promise.all([...dispatchers.values()].map((dispatcher) => dispatcher.destroy()));
    },
  };
}

function openDirect(options: DialerOptions, own: boolean, trusted: boolean): Dispatcher {
  const lookup = options.lookup ?? systemLookup;
  return new Agent({
    ...poolOptions(options),
    connect: buildConnector({
      ...tlsOptions(options.tls, own),
      timeout: options.connectTimeoutMs,
      lookup: trusted ? lookup : publicOnly(lookup, options.upstream),
    }),
  });
}

function openThroughProxy(options: DialerOptions, own: boolean, proxy: ProxyTarget): Dispatcher {
  const pool = poolOptions(options);
  return new ProxyAgent({
    ...pool,
    uri: proxy.url,
    connectTimeout: options.connectTimeoutMs,
    requestTls: tlsOptions(options.tls, own),
    proxyTls: tlsOptions(options.tls, false),
    // Undici gives neither the pool of CONNECT requests a timeout nor the pool of forwarded requests a cap of its own.
    clientFactory: (origin, given) => new Pool(origin, { ...given, headersTimeout: options.connectTimeoutMs }),
    factory: (origin, given: Pool.Options) => new Pool(origin, { ...given, ...pool }),
  });
}

function poolOptions({ maxConnections, keepAliveTimeoutMs }: DialerOptions) {
  return { connections: maxConnections, keepAliveTimeout: keepAliveTimeoutMs, allowH2: false } as const;
}

function tlsOptions({ ca, certificate, key }: UpstreamTls, own: boolean) {
  return {
    allowH2: false,
    // Added to the usual roots: an upstream with a private authority may still keep its blobs at a public cloud.
    ...(ca !== undefined && { ca: [...getCACertificates('default'), ...(typeof ca === 'string' ? [ca] : ca)] }),
    ...(own && certificate !== undefined && key !== undefined && { cert: certificate, key }),
  };
}

function refuseLiteral(upstream: UpstreamIdentity, { hostname }: URL, proxied: boolean): void {
  const host = hostname.replaceAll(/^\[|\]$/g, '');
  const local = proxied && /(?:^|\.)localhost\.?$/.test(host);
  if (local || (isIP(host) !== 0 && !isPublicAddress(host))) throw forbiddenAddress(upstream, host);
}
