// The lowest layer of the transport stack. It opens all connections to an upstream, its token server and its storage.
// It applies the egress policy, the proxy, TLS, connection limits and keep-alive. It uses only HTTP/1.1.
import { lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { getCACertificates } from 'node:tls';
import { CacheError } from '@cistern/errors';
import ipaddr from 'ipaddr.js';
import type { Dispatcher, Pool } from 'undici';
import { forbiddenAddress, isPublicAddress, publicOnly } from './egress-policy.ts';
import { loadUndici } from './load-undici.ts';
import { toNetworkError } from './network-error.ts';
import { nameUpstream, type Transport, type UpstreamIdentity } from './transport.ts';

export interface ProxyTarget {
  /** A URL with `http://` or `https://`, and with user info if the proxy requires it. */
  readonly url: string;
}

/** Certificates and keys in PEM. */
export interface UpstreamTls {
  /** CA certificates to trust in addition to the default ones, also for storage and token servers. */
  readonly ca?: string | readonly string[] | undefined;
  /** The client certificate. It is sent only to the upstream's own host, and requires `key`. */
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
}

export interface DialerOptions {
  readonly upstream: UpstreamIdentity;
  readonly allowPrivate: boolean;
  readonly proxyFor: (url: URL) => ProxyTarget | undefined;
  readonly tls: UpstreamTls;
  readonly connectTimeoutMs: number;
  readonly keepAliveTimeoutMs: number;
  /** The maximum number of connections to each host. */
  readonly maxConnections: number;
  /** Default: the system's resolver. */
  readonly lookup?: LookupFunction | undefined;
}

export interface Dialer {
  /**
   * Returns the dispatcher for a URL. `isRedirected` is true if the upstream chose the URL by a redirect. Throws
   * `upstream-refused-us` if the URL contains an address that the egress policy forbids. If its name resolves to such
   * an address, the request fails with the same error. With a proxy, names are not checked, because the proxy resolves
   * them.
   */
  dispatcherFor(url: URL, isRedirected?: boolean): Dispatcher;
  /** Aborts all open requests. */
  close(): Promise<void>;
}

export function createDialer(options: DialerOptions): Dialer {
  const { upstream, allowPrivate, proxyFor: findProxy } = options;
  const dispatchers = new Map<string, Dispatcher>();
  let closed = false;
  return {
    dispatcherFor(url, isRedirected) {
      if (closed)
        throw new CacheError('upstream-unreachable', `${nameUpstream(upstream, url.host)} was closed in this process.`);
      // The operator configured the upstream's host, so its address may be private. Only this host receives the client
      // certificate.
      const own = isOwnServer(upstream, url, isRedirected);
      const trusted = own || allowPrivate;
      const proxy = findProxy(url);
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

export interface DialOptions {
  readonly upstream: UpstreamIdentity;
  readonly dialer: Dialer;
  readonly headersTimeoutMs: number;
  readonly bodyIdleTimeoutMs: number;
  /** The version of Cistern, for the `User-Agent`. */
  readonly version: string;
  /** The id of the whole cluster. A frontend that finds its own id in a request has detected a loop. */
  readonly instanceId: string;
}

/**
 * Sends one HTTP request on a connection of the dialer. All requests carry the same extra headers, also those to token
 * servers and storage.
 */
export function createDial(options: DialOptions): Transport {
  const { upstream, dialer, headersTimeoutMs, bodyIdleTimeoutMs, version, instanceId } = options;
  const common = {
    // A digest covers the bytes as stored, so they must be sent without a content encoding.
    'accept-encoding': 'identity',
    'user-agent': `cistern/${version}`,
    'x-cistern-hop': instanceId,
  };
  return async ({ method, url, isRedirected, headers, body, signal }) => {
    try {
      signal.throwIfAborted();
      const response = await dialer.dispatcherFor(url, isRedirected).request({
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method,
        headers: { ...common, ...headers },
        body: body ?? null,
        signal,
        headersTimeout: headersTimeoutMs,
        bodyTimeout: bodyIdleTimeoutMs,
        // By default undici closes the connection after every HEAD, and most of our requests are HEAD.
        reset: false,
      });
      return { status: response.statusCode, headers: response.headers, url, body: response.body };
    } catch (error) {
      throw toNetworkError(error, { upstream, url, signal });
    }
  };
}

/**
 * Reports whether the operator configured the server of a request. A token server may use another port of the
 * upstream's host, because it is trusted with the credentials. A redirect must not lead to another port, because other
 * ports of a private host are other services.
 */
function isOwnServer({ url }: UpstreamIdentity, other: URL, isRedirected = false): boolean {
  return isRedirected ? other.origin === url.origin : other.hostname === url.hostname;
}

function refuseLiteral(upstream: UpstreamIdentity, url: URL, proxied: boolean): void {
  const host = bareHost(url);
  const local = proxied && /(?:^|\.)localhost\.?$/.test(host);
  if (local || (isIP(host) !== 0 && !isPublicAddress(host))) throw forbiddenAddress(upstream, host);
}

function openDirect(options: DialerOptions, own: boolean, trusted: boolean): Dispatcher {
  const { Agent, buildConnector } = loadUndici();
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
  const { Pool: PoolOf, ProxyAgent } = loadUndici();
  const pool = poolOptions(options);
  return new ProxyAgent({
    ...pool,
    uri: proxy.url,
    connectTimeout: options.connectTimeoutMs,
    requestTls: tlsOptions(options.tls, own),
    proxyTls: tlsOptions(options.tls, false),
    // By default undici sets no timeout for the pool of CONNECT requests and no limit for the pool of forwarded
    // requests.
    clientFactory: (origin, given) => new PoolOf(origin, { ...given, headersTimeout: options.connectTimeoutMs }),
    factory: (origin, given: Pool.Options) => new PoolOf(origin, { ...given, ...pool }),
  });
}

function poolOptions({ maxConnections, keepAliveTimeoutMs }: DialerOptions) {
  return { connections: maxConnections, keepAliveTimeout: keepAliveTimeoutMs, allowH2: false } as const;
}

function tlsOptions({ ca, certificate, key }: UpstreamTls, own: boolean) {
  return {
    allowH2: false,
    // The configured CA certificates are added to the default ones, because an upstream with a private CA may store its
    // blobs in a public cloud.
    ...(ca !== undefined && { ca: [...getCACertificates('default'), ...(typeof ca === 'string' ? [ca] : ca)] }),
    ...(own && certificate !== undefined && key !== undefined && { cert: certificate, key }),
  };
}

/**
 * Returns the proxy for a URL from the usual environment variables, which are read as in curl, Go and registry:2. They
 * are `HTTPS_PROXY` or `HTTP_PROXY`, by the scheme of the URL, and `NO_PROXY`. Names in lower case take precedence.
 * `NO_PROXY` lists `*`, hosts with their subdomains, addresses and CIDR ranges. An entry with a leading `.` or `*.`
 * matches subdomains but not the host itself. Each host or address may have a port. Loopback is never proxied. Throws a
 * TypeError for an invalid proxy URL.
 */
export function proxyFor(url: URL, environment: Readonly<Record<string, string | undefined>>): ProxyTarget | undefined {
  const read = (name: string): string => environment[name.toLowerCase()] || environment[name] || '';
  const name = url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const proxy = read(name).trim();
  if (proxy === '' || isExempt(url, read('NO_PROXY'))) return undefined;
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(proxy) ? proxy : `http://${proxy}`;
  if (!URL.canParse(withScheme)) throw new TypeError(`${name} is not a URL.`);
  return { url: withScheme };
}

function isExempt(url: URL, noProxy: string): boolean {
  const host = bareHost(url).toLowerCase();
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  if (host === 'localhost' || (isIP(host) !== 0 && ipaddr.process(host).range() === 'loopback')) return true;
  const entries = noProxy.toLowerCase().split(/[\s,]+/);
  return entries.some((entry) => entry !== '' && matches(entry, host, port));
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  if (ipaddr.isValidCIDR(entry)) return isInRange(host, entry);
  const [, bracketed, plain, wantedPort] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(entry) ?? [];
  if (wantedPort !== undefined && wantedPort !== port) return false;
  const wanted = bracketed ?? plain ?? entry;
  if (isIP(host) !== 0)
    return isIP(wanted) !== 0 && ipaddr.process(wanted).toString() === ipaddr.process(host).toString();
  if (wanted.startsWith('*.') || wanted.startsWith('.')) return host.endsWith(wanted.replace('*', ''));
  return host === wanted || host.endsWith(`.${wanted}`);
}

function isInRange(host: string, range: string): boolean {
  if (isIP(host) === 0) return false;
  const address = ipaddr.process(host);
  const [network, bits] = ipaddr.parseCIDR(range);
  return address.kind() === network.kind() && address.match(network, bits);
}

/** Returns the host without the brackets of an IPv6 address. */
function bareHost({ hostname }: URL): string {
  return hostname.replaceAll(/^\[|\]$/g, '');
}
