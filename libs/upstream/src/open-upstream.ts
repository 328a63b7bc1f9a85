// Opens one upstream: builds the stack of transports and puts the calls of the port on top of it.
import { createBlobCalls } from './blob-calls.ts';
import { createListCalls } from './list-calls.ts';
import { createManifestCalls } from './manifest-calls.ts';
import type { OpenUpstreamOptions, UpstreamTimeouts } from './open-upstream-options.ts';
import { createMemoryTokenCache } from './token-cache.ts';
import { authorize } from './transport/authorize.ts';
import { compose } from './transport/compose.ts';
import { createDial } from './transport/dial.ts';
import { createDialer, type Dialer } from './transport/dialer.ts';
import { followRedirects } from './transport/follow-redirects.ts';
import { observe } from './transport/observe.ts';
import { reportRateLimit } from './transport/rate-limit.ts';
import { readWholeBody } from './transport/read-whole-body.ts';
import { refuseEncoded } from './transport/refuse-encoded.ts';
import { retryRequests } from './transport/retry.ts';
import { sendHeaders } from './transport/send-headers.ts';
import { createTokenSource } from './transport/token-source.ts';
import type { Transport } from './transport/transport.ts';
import type { Upstream } from './upstream.ts';
import type { UpstreamIdentity } from './upstream-identity.ts';

const defaultTimeouts: UpstreamTimeouts = {
  connectTimeoutMs: 5_000,
  headersTimeoutMs: 30_000,
  bodyIdleTimeoutMs: 30_000,
  deadlineMs: 60_000,
};
const defaultMaxConnections = 64;
const defaultKeepAliveTimeoutMs = 15_000;

/**
 * Connects to nothing yet: that is for the first call. `close` breaks off what is still running. Throws a TypeError for
 * a URL that is none.
 */
export function openUpstream(options: OpenUpstreamOptions): Upstream {
  const { name, metrics, clock = Date.now } = options;
  const upstream: UpstreamIdentity = { name, url: parseUpstreamUrl(options.url) };
  const timeouts: UpstreamTimeouts = { ...defaultTimeouts, ...options.timeouts };
  const dialer = openDialer(options, upstream, timeouts);
  const transport = stackTransports(options, upstream, timeouts, dialer);
  const context = { upstream, transport, metrics, clock, deadlineMs: timeouts.deadlineMs };
  return {
    name,
    ...createManifestCalls(context),
    ...createBlobCalls(context),
    ...createListCalls(context),
    close: () => dialer.close(),
  };
}

function stackTransports(
  options: OpenUpstreamOptions,
  upstream: UpstreamIdentity,
  { headersTimeoutMs, bodyIdleTimeoutMs }: UpstreamTimeouts,
  dialer: Dialer,
): Transport {
  const { metrics, log, credentials, clock = Date.now, onRateLimit = () => {} } = options;
  const countBytes = (bytes: number): void => metrics.upstreamReceivedBytes.inc({ upstream: upstream.name }, bytes);
  const dial = compose([sendHeaders(options)], createDial({ upstream, dialer, headersTimeoutMs, bodyIdleTimeoutMs }));
  const attempts = [retryRequests(), readWholeBody({ upstream, countBytes }), observe({ upstream, metrics, log })];

  const tokenTransport = compose([...attempts, refuseEncoded(upstream)], dial);
  const cache = options.tokens ?? createMemoryTokenCache();
  const tokens = createTokenSource({ upstream, credentials, cache, transport: tokenTransport, clock });
  return compose(
    [
      authorize({ upstream, credentials, tokens }),
      ...attempts,
      reportRateLimit({ upstream, metrics, onRateLimit }),
      refuseEncoded(upstream),
      followRedirects(upstream),
    ],
    dial,
  );
}

function openDialer(options: OpenUpstreamOptions, upstream: UpstreamIdentity, timeouts: UpstreamTimeouts): Dialer {
  const { proxy } = options;
  return createDialer({
    upstream,
    allowPrivate: options.allowPrivate ?? false,
    proxyFor: typeof proxy === 'function' ? proxy : () => proxy,
    tls: options.tls ?? {},
    connectTimeoutMs: timeouts.connectTimeoutMs,
    keepAliveTimeoutMs: options.keepAliveTimeoutMs ?? defaultKeepAliveTimeoutMs,
    maxConnections: options.maxConnections ?? defaultMaxConnections,
    lookup: options.lookup,
  });
}

/** User info is dropped: credentials have options of their own, and a URL gets into messages. */
function parseUpstreamUrl(text: string): URL {
  const { protocol, origin, pathname } = new URL(text);
  if (protocol !== 'https:' && protocol !== 'http:')
    throw new TypeError(`The URL of an upstream begins with https:// or http://, not with ${protocol}//.`);
  return new URL(pathname.replace(/\/+$/, ''), origin);
}
