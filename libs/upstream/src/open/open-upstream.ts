// Opens one upstream: its own registry, and its alternates. Settings are values from the configuration; the rest of the
// options are the things it works with.
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
  /** As the upstream's own. */
  readonly url: string;
  /** Default: none. */
  readonly credentials?: readonly CredentialSource[] | undefined;
}

export interface OpenUpstreamOptions {
  /** The name in the configured table, for example `docker.io`: in messages, metrics and cache keys. */
  readonly name: string;
  /** `http://` or `https://`; below its path lies `/v2/`. */
  readonly url: string;
  /** Accounts that may be used alike: the one with the most left to pull is. Default: none, as anybody. */
  readonly credentials?: readonly CredentialSource[] | undefined;
  /** Registries that are asked where this one fails, in their order. They get only credentials of their own. */
  readonly alternates?: readonly AlternateRegistry[] | undefined;
  /** How long a HEAD waits before an alternate is asked as well. Default 1 second. */
  readonly hedgeAfterMs?: number | undefined;
  /**
   * Redirects and token realms may lead to private addresses. Without it only the upstream's own origin, and tokens of its host.
   */
  readonly allowPrivate?: boolean | undefined;
  /** For everything, or by the URL that is dialled (`proxyFor` over the environment). Default: none. */
  readonly proxy?: ProxyTarget | ((url: URL) => ProxyTarget | undefined) | undefined;
  readonly tls?: UpstreamTls | undefined;
  /** Defaults: 5, 30, 30, 60 and 2 seconds. */
  readonly timeouts?: Partial<UpstreamTimeouts> | undefined;
  /** Per host (the registry, its storage, its token server); further requests wait. Default 64. */
  readonly maxConnections?: number | undefined;
  /** As `Upstream` has it. Default 1. */
  readonly connectionsPerBlob?: number | undefined;
  /** How long an idle connection is kept, if the server does not say. Default 15 seconds. */
  readonly keepAliveTimeoutMs?: number | undefined;
  /** Sent as `X-Cistern-Hop`; the same in every process of one cluster, so that a loop is seen. */
  readonly instanceId: string;
  /** Of Cistern, for the `User-Agent`. */
  readonly version: string;
  /** Default: in memory. */
  readonly tokens?: TokenCache | undefined;
  /** Default: in memory. */
  readonly ledger?: BudgetLedger | undefined;
  /** Pulls of a window that are kept for cold misses. Default: a fifth of the limit. */
  readonly reserve?: number | undefined;
  /** Between two signs of life that are asked of a registry that fails. Default: 1 second, growing to 10. */
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
  /** From the end of a request to the headers of its answer. */
  readonly headersTimeoutMs: number;
  /** Between two chunks of a body, while a reader waits for one. */
  readonly bodyIdleTimeoutMs: number;
  /**
   * For a whole call with its retries, redirects and tokens. For blobs until the body begins or goes on: the time that
   * a body takes depends on its size.
   */
  readonly deadlineMs: number;
  /** While calls wait: the silence of the registry, heartbeats included, after which its circuit breaker opens. */
  readonly silenceMs: number;
}

const defaultHedgeAfterMs = 1_000;

/**
 * Connects to nothing yet: that is for the first call. `close` breaks off what is still running. Throws a TypeError for
 * a URL that is none.
 */
export function openUpstream(options: OpenUpstreamOptions): Upstream {
  const { name, metrics, log, reserve, alternates = [], credentials = [], clock = Date.now } = options;
  const ledger = options.ledger ?? createBudgetLedger({ metrics, log, clock });
  const open = (url: string, own: readonly CredentialSource[], tls: OpenUpstreamOptions['tls']): Upstream =>
    openEndpoint({
      ...options,
      url,
      tls,
      credentials: own,
      budget: ledger.open({ upstream: name, endpoint: new URL(url).host, reserve }),
    });
  // An alternate gets nothing by which the registry itself knows us.
  const others = alternates.map((one) => open(one.url, one.credentials ?? [], { ca: options.tls?.ca }));
  const hedgeAfterMs = options.hedgeAfterMs ?? defaultHedgeAfterMs;
  return withAlternates(open(options.url, credentials, options.tls), others, { metrics, hedgeAfterMs });
}
