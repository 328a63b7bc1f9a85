// Opens one upstream: its own registry and its alternates.
import type { LookupFunction } from 'node:net';
import type { Logger, UpstreamMetrics } from '@cistern/telemetry';
import type { BudgetLedger } from '../budget/budget.ts';
import { createBudgetLedger } from '../budget/budget-ledger.ts';
import type { CredentialSource } from '../credentials/credential-source.ts';
import type { BreakerPauses } from '../health/breaker.ts';
import type { TokenCache } from '../token-cache.ts';
import type { ProxyTarget, UpstreamTls } from '../transport/dialer.ts';
import type { Upstream } from '../upstream.ts';
import { withAlternates } from './alternates.ts';
import { openEndpoint } from './open-endpoint.ts';

interface AlternateRegistry {
  /** The URL, in the same form as that of the upstream. */
  readonly url: string;
  /** Credentials for this registry. Default: none. */
  readonly credentials?: readonly CredentialSource[] | undefined;
}

export interface OpenUpstreamOptions {
  /** The name in the configured table, for example `docker.io`. It appears in messages, metrics and cache keys. */
  readonly name: string;
  /** A URL with `http://` or `https://`. The API is at `/v2/` below its path. */
  readonly url: string;
  /**
   * Accounts with equal rights. The account with the most pulls left is used. Default: none, so requests are anonymous.
   */
  readonly credentials?: readonly CredentialSource[] | undefined;
  /**
   * Registries that are called, in this order, while the upstream's own registry fails. They receive only their own
   * credentials.
   */
  readonly alternates?: readonly AlternateRegistry[] | undefined;
  /** How long a HEAD waits before it is also sent to an alternate. Default: 1 second. */
  readonly hedgeAfterMs?: number | undefined;
  /**
   * Allows redirects and token realms at private addresses. By default only the upstream's own origin, and token
   * servers on its host, may be private.
   */
  readonly allowPrivate?: boolean | undefined;
  /** The proxy for all requests, or by the URL that is dialled (`proxyFor` reads the environment). Default: none. */
  readonly proxy?: ProxyTarget | ((url: URL) => ProxyTarget | undefined) | undefined;
  readonly tls?: UpstreamTls | undefined;
  /** Defaults: 5, 30, 30, 60 and 1.8 seconds, in the order of the fields. */
  readonly timeouts?: Partial<UpstreamTimeouts> | undefined;
  /**
   * The maximum number of connections to each host (the registry, its storage, its token server). Further requests
   * wait. Default: 64.
   */
  readonly maxConnections?: number | undefined;
  /** The same as in `Upstream`. Default: 1. */
  readonly connectionsPerBlob?: number | undefined;
  /** How long an idle connection stays open if the server sends no limit. Default: 15 seconds. */
  readonly keepAliveTimeoutMs?: number | undefined;
  /** Sent as `X-Cistern-Hop`. It is the same in every process of one cluster, so that a loop is detected. */
  readonly instanceId: string;
  /** The version of Cistern, for the `User-Agent`. */
  readonly version: string;
  /** Where tokens are cached. Default: in memory. */
  readonly tokens?: TokenCache | undefined;
  /** Where budgets are recorded. Default: in memory. */
  readonly ledger?: BudgetLedger | undefined;
  /**
   * Pulls of each rate-limit period that are reserved for content that is not cached. Default: a fifth of the limit.
   */
  readonly reserve?: number | undefined;
  /**
   * Returns false if another upstream of the same name has replaced this one. Metrics then no longer show its circuit
   * breaker, budgets and credentials. Default: always true.
   */
  readonly isCurrent?: (() => boolean) | undefined;
  /** The pauses between pings to a failed registry. Default: 1 second, growing to 10. */
  readonly breakerPauses?: BreakerPauses | undefined;
  readonly metrics: UpstreamMetrics;
  readonly log: Logger;
  /** Milliseconds since the epoch. Default: the system's clock. */
  readonly clock?: (() => number) | undefined;
  /** Resolves names to addresses. Default: the system's resolver. */
  readonly lookup?: LookupFunction | undefined;
}

export interface UpstreamTimeouts {
  readonly connectTimeoutMs: number;
  /** The time from the end of a request to the headers of its answer. */
  readonly headersTimeoutMs: number;
  /** The time between two chunks of a body, while a reader waits for one. */
  readonly bodyIdleTimeoutMs: number;
  /**
   * The deadline of a whole call with its retries, redirects and tokens. For blobs it covers only the time until the
   * body begins or resumes, because the time for a body depends on its size.
   */
  readonly deadlineMs: number;
  /**
   * How long the registry may send nothing while calls wait, including the time for a ping. Afterwards the calls end
   * and the breaker opens.
   */
  readonly silenceMs: number;
}

const defaultHedgeAfterMs = 1_000;

/**
 * Opens an upstream. The first call opens the first connection. `close` aborts running calls. Throws a TypeError for an
 * invalid URL.
 */
export function openUpstream(options: OpenUpstreamOptions): Upstream {
  const { name, metrics, log, reserve, isCurrent, alternates = [], credentials = [], clock = Date.now } = options;
  const ledger = options.ledger ?? createBudgetLedger({ metrics, log, clock });
  const open = (url: string, own: readonly CredentialSource[], tls: OpenUpstreamOptions['tls']): Upstream =>
    openEndpoint({
      ...options,
      url,
      tls,
      credentials: own,
      budget: ledger.open({ upstream: name, endpoint: new URL(url).host, reserve, isCurrent }),
    });
  // An alternate receives no credentials and no client certificate of the registry itself.
  const others = alternates.map((one) => open(one.url, one.credentials ?? [], { ca: options.tls?.ca }));
  const hedgeAfterMs = options.hedgeAfterMs ?? defaultHedgeAfterMs;
  return withAlternates(open(options.url, credentials, options.tls), others, { metrics, hedgeAfterMs });
}
