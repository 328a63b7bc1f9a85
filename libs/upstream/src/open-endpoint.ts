// Opens one registry of an upstream: its stack of transports, and the calls of the port on top of it.
import { createAccessCalls } from './access/access-calls.ts';
import type { CallerCredentials } from './access/caller-credentials.ts';
import { createCallerTransport } from './access/caller-transport.ts';
import { createBlobCalls } from './blob-calls.ts';
import type { EndpointBudget } from './budget/budget-ledger.ts';
import { startCall } from './call.ts';
import { type Account, createAccount } from './credentials/account.ts';
import type { CredentialSource } from './credentials/credential-source.ts';
import { createBreaker } from './health/breaker.ts';
import { createRetryBudget } from './health/retry-budget.ts';
import { watchSilence } from './health/silence.ts';
import { createListCalls } from './list-calls.ts';
import { createManifestCalls } from './manifest-calls.ts';
import type { OpenUpstreamOptions, UpstreamTimeouts } from './open-upstream-options.ts';
import { createMemoryTokenCache } from './token-cache.ts';
import { authorize } from './transport/authorize.ts';
import { chooseAccount } from './transport/choose-account.ts';
import { compose } from './transport/compose.ts';
import { createDial } from './transport/dial.ts';
import { createDialer, type Dialer } from './transport/dialer.ts';
import { followRedirects } from './transport/follow-redirects.ts';
import { observe } from './transport/observe.ts';
import { readWholeBody } from './transport/read-whole-body.ts';
import { refuseEncoded } from './transport/refuse-encoded.ts';
import { retryRequests } from './transport/retry.ts';
import { sendHeaders } from './transport/send-headers.ts';
import { createTokenSource } from './transport/token-source.ts';
import type { Transport, TransportLayer, TransportResponse } from './transport/transport.ts';
import { untilAborted } from './transport/until-aborted.ts';
import type { Upstream } from './upstream.ts';
import type { UpstreamIdentity } from './upstream-identity.ts';

const defaultTimeouts: UpstreamTimeouts = {
  connectTimeoutMs: 5_000,
  headersTimeoutMs: 30_000,
  bodyIdleTimeoutMs: 30_000,
  deadlineMs: 60_000,
  silenceMs: 2_000,
};
const defaultMaxConnections = 64;
const defaultKeepAliveTimeoutMs = 15_000;

/** How long a registry that failed may take for a sign of life. */
const pingDeadlineMs = 10_000;
const maxPingBytes = 64 * 1024;
/** Signs of life have connections of their own: all others may be taken by bodies that nobody can write anywhere. */
const maxPingConnections = 2;

export interface OpenEndpointOptions extends Omit<
  OpenUpstreamOptions,
  'alternates' | 'ledger' | 'reserve' | 'credentials'
> {
  readonly credentials: readonly CredentialSource[];
  readonly budget: EndpointBudget;
}

/** As `openUpstream`, for one registry. */
export function openEndpoint(options: OpenEndpointOptions): Upstream {
  const { name, metrics, log, clock = Date.now } = options;
  const upstream: UpstreamIdentity = { name, url: parseUpstreamUrl(options.url) };
  const timeouts: UpstreamTimeouts = { ...defaultTimeouts, ...options.timeouts };
  const dialer = openDialer(options, upstream, timeouts);
  const pinger = openDialer({ ...options, maxConnections: maxPingConnections }, upstream, timeouts);
  const pingDial = compose([sendHeaders(options)], createDial({ upstream, dialer: pinger, ...timeouts }));
  const askForLife = (deadlineMs: number) => ping({ ...options, upstream, dial: pingDial, countBytes }, deadlineMs);
  const silence = watchSilence({ upstream, silenceMs: timeouts.silenceMs, ping: askForLife });
  const listen: TransportLayer = (next) => async (request) => {
    const response = await next(request);
    silence.heard();
    return response;
  };
  const countBytes = (bytes: number): void => {
    metrics.upstreamReceivedBytes.inc({ upstream: name }, bytes);
    silence.heard();
  };
  const dial = compose([sendHeaders(options), listen], createDial({ upstream, dialer, ...timeouts }));
  const breaker = createBreaker({
    upstream,
    metrics,
    log,
    pauses: options.breakerPauses,
    isSilent: silence.isSilent,
    ping: () => askForLife(pingDeadlineMs),
  });
  const stacks = stackTransports({ ...options, upstream, dial, countBytes });
  const watched = (stack: Transport): Transport => compose([breaker.layer, silence.layer], stack);
  const transport = watched(stacks.own);
  const context = { upstream, transport, metrics, countBytes, clock, deadlineMs: timeouts.deadlineMs };
  return {
    name,
    ...createManifestCalls(context),
    ...createBlobCalls(context),
    ...createListCalls(context),
    ...createAccessCalls({ ...context, transportOf: (caller) => watched(stacks.ofCaller(caller)) }),
    async close() {
      breaker.close();
      silence.close();
      await Promise.all([dialer.close(), pinger.close()]);
    },
  };
}

interface StackOptions extends OpenEndpointOptions {
  readonly upstream: UpstreamIdentity;
  readonly dial: Transport;
  readonly countBytes: (bytes: number) => void;
}

interface Stacks {
  readonly own: Transport;
  ofCaller(caller: CallerCredentials): Transport;
}

function stackTransports({ upstream, dial, ...options }: StackOptions): Stacks {
  const { metrics, log, credentials, budget, clock = Date.now } = options;
  const cache = options.tokens ?? createMemoryTokenCache();
  const retries = retryRequests({
    budget: createRetryBudget(),
    onRetry: (result) => metrics.upstreamRetries.inc({ upstream: upstream.name, result }),
  });
  const attempts = [retries, ...readAndObserve({ upstream, ...options }), refuseEncoded(upstream)];
  const tokenTransport = compose(attempts, dial);
  const transport = compose([...attempts, followRedirects(upstream)], dial);
  const stackOf = (account: Account): Transport => {
    const tokens = createTokenSource({ upstream, account, cache, transport: tokenTransport, clock });
    return compose([authorize({ upstream, account, tokens })], transport);
  };
  const sources = credentials.length === 0 ? [undefined] : credentials;
  const accounts = sources.map((source) => createAccount({ upstream, source, metrics, log, clock }));
  return {
    own: chooseAccount({
      accounts: new Map(accounts.map((account) => [account.name, stackOf(account)])),
      budget,
      clock,
    }),
    ofCaller: (caller) => createCallerTransport({ upstream, transport, tokenTransport, budget, clock }, caller),
  };
}

type Counted = Pick<StackOptions, 'upstream' | 'metrics' | 'log' | 'countBytes'>;

function readAndObserve({ upstream, metrics, log, countBytes }: Counted): readonly TransportLayer[] {
  return [readWholeBody({ upstream, countBytes }), observe({ upstream, metrics, log })];
}

/** As anybody: to be asked for credentials is a sign of life, too. */
async function ping(
  { upstream, dial, ...counted }: Counted & Pick<StackOptions, 'dial'>,
  deadlineMs: number,
): Promise<TransportResponse> {
  const lifetime = startCall({ upstream }, undefined, 'a sign of life');
  lifetime.setDeadline(deadlineMs);
  const { signal } = lifetime;
  const asked = compose(
    readAndObserve({ upstream, ...counted }),
    dial,
  )({
    operation: 'ping',
    method: 'GET',
    url: new URL(`${upstream.url.pathname}/v2/`.replace(/^\/+/, '/'), upstream.url),
    headers: {},
    signal,
    maxBodyBytes: maxPingBytes,
  });
  try {
    // A connection that does not come about ends by its own time alone.
    return await untilAborted(asked, signal);
  } finally {
    lifetime.release();
  }
}

function openDialer(options: OpenEndpointOptions, upstream: UpstreamIdentity, timeouts: UpstreamTimeouts): Dialer {
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
