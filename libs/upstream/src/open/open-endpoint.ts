// Opens one registry of an upstream. It stacks the transports, and implements the calls of `Upstream` on top of them.
import { untilAborted } from '@cistern/runtime';
import { createAccessCalls } from '../access/access-calls.ts';
import { openCallers } from '../access/open-callers.ts';
import type { EndpointBudget } from '../budget/budget.ts';
import { createBlobCalls } from '../calls/blob-calls.ts';
import { startCall } from '../calls/call.ts';
import { createListCalls } from '../calls/list-calls.ts';
import { createManifestCalls } from '../calls/manifest-calls.ts';
import type { CredentialSource } from '../credentials/credential-source.ts';
import { createBreaker } from '../health/breaker.ts';
import { watchSilence } from '../health/silence.ts';
import { type MeasureOptions, readAndObserve } from '../transport/attempt-layers.ts';
import { createConnectionSlots } from '../transport/connection-slots.ts';
import { createDial, createDialer, type Dialer } from '../transport/dialer.ts';
import { compose, type Transport, type TransportResponse, type UpstreamIdentity } from '../transport/transport.ts';
import type { Upstream } from '../upstream.ts';
import type { OpenUpstreamOptions, UpstreamTimeouts } from './open-upstream.ts';
import { stackTransports } from './stack-transports.ts';

const defaultTimeouts: UpstreamTimeouts = {
  connectTimeoutMs: 5_000,
  headersTimeoutMs: 30_000,
  bodyIdleTimeoutMs: 30_000,
  deadlineMs: 60_000,
  silenceMs: 1_800,
};
const defaultMaxConnections = 64;
const defaultKeepAliveTimeoutMs = 15_000;

/** The deadline of a ping to a failed registry. */
const pingDeadlineMs = 10_000;
const maxPingBytes = 64 * 1024;
/** Pings have their own connections, because stalled bodies may occupy all others. */
const maxPingConnections = 2;
/**
 * Access checks have their own connections too, so that fills continue while an upstream does not answer the checks.
 */
const maxCallerConnections = 32;

export interface OpenEndpointOptions extends Omit<
  OpenUpstreamOptions,
  'alternates' | 'ledger' | 'reserve' | 'credentials'
> {
  readonly credentials: readonly CredentialSource[];
  readonly budget: EndpointBudget;
}

/** Opens one registry of an upstream, as `openUpstream` does. */
export function openEndpoint(options: OpenEndpointOptions): Upstream {
  const { name, metrics, log, clock = Date.now, maxConnections = defaultMaxConnections } = options;
  const upstream: UpstreamIdentity = { name, url: parseUpstreamUrl(options.url) };
  const timeouts: UpstreamTimeouts = { ...defaultTimeouts, ...options.timeouts };
  const { silenceMs, deadlineMs } = timeouts;
  const open = (most: number): Dialer => openDialer({ ...options, maxConnections: most }, upstream, timeouts);
  const dialer = open(maxConnections);
  const pinger = open(maxPingConnections);
  const callerDialer = open(Math.min(maxCallerConnections, maxConnections));
  const dialWith = (one: Dialer): Transport => createDial({ ...options, ...timeouts, upstream, dialer: one });
  const pingDial = dialWith(pinger);
  const pingFor = (limitMs: number) => ping({ upstream, metrics, log, countBytes, dial: pingDial }, limitMs);
  const silence = watchSilence({ upstream, metrics, silenceMs, ping: pingFor });
  const { countBytes } = silence;
  const breaker = createBreaker({
    upstream,
    metrics,
    log,
    clock,
    pauses: options.breakerPauses,
    isCurrent: options.isCurrent,
    isSilent: silence.isSilent,
    ping: () => pingFor(pingDeadlineMs),
  });
  const callers = openCallers({
    ...options,
    upstream,
    clock,
    silenceMs,
    dial: dialWith(callerDialer),
    guard: breaker.guard,
    ping: pingFor,
  });
  const slots = createConnectionSlots(upstream, maxConnections);
  const dial = silence.listen(dialWith(dialer));
  const stacks = stackTransports({ ...options, upstream, countBytes, clock, slots, dial });
  const transport = compose([breaker.layer, silence.layer], stacks.transport);
  const extraTransport = compose([breaker.guard], stacks.extra);
  const context = { upstream, transport, extraTransport, metrics, countBytes, clock, deadlineMs };
  return {
    name,
    connectionsPerBlob: options.connectionsPerBlob ?? 1,
    ...createManifestCalls(context),
    ...createBlobCalls(context),
    ...createListCalls(context),
    ...createAccessCalls({ ...context, transportOf: callers.transportOf }),
    async close() {
      breaker.close();
      silence.close();
      callers.close();
      options.budget.close();
      await Promise.all([dialer, pinger, callerDialer].map((one) => one.close()));
    },
  };
}

/** Sends an anonymous ping. A 401 with a challenge also proves that the registry is alive. */
async function ping(
  { upstream, dial, ...counted }: MeasureOptions & { readonly dial: Transport },
  deadlineMs: number,
): Promise<TransportResponse> {
  const lifetime = startCall({ upstream }, undefined, 'a ping');
  lifetime.setDeadline(deadlineMs);
  const { signal } = lifetime;
  const answered = compose(
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
    // A connection that is being opened ends only by its own timeout, so the wait is aborted here.
    return await untilAborted(answered, signal);
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

/**
 * Parses the URL and removes its user info, because the URL appears in messages. Credentials have their own options.
 */
function parseUpstreamUrl(text: string): URL {
  const { protocol, origin, pathname } = new URL(text);
  if (protocol !== 'https:' && protocol !== 'http:')
    throw new TypeError(`The URL of an upstream must begin with https:// or http://, not with ${protocol}//.`);
  return new URL(pathname.replace(/\/+$/, ''), origin);
}
