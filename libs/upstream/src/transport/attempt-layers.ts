// The layers of each HTTP request to an upstream, for our own calls and for callers: retries, short bodies, metrics.
import type { Logger, UpstreamMetrics } from '@cistern/telemetry';
import { createRetryBudget } from './retry-budget.ts';
import type { UpstreamIdentity } from '../upstream-identity.ts';
import { observe } from './observe.ts';
import { readWholeBody } from './read-whole-body.ts';
import { refuseEncoded } from './refuse-encoded.ts';
import { retryRequests } from './retry.ts';
import type { TransportLayer } from './transport.ts';

export interface MeasureOptions {
  readonly upstream: UpstreamIdentity;
  readonly metrics: UpstreamMetrics;
  readonly log: Logger;
  readonly countBytes: (bytes: number) => void;
}

/** The requests that share these layers share their budget of retries. */
export function attemptLayers(options: MeasureOptions): readonly TransportLayer[] {
  const { upstream, metrics } = options;
  const retries = retryRequests({
    budget: createRetryBudget(),
    onRetry: (result) => metrics.upstreamRetries.inc({ upstream: upstream.name, result }),
  });
  return [retries, ...readAndObserve(options), refuseEncoded(upstream)];
}

export function readAndObserve({ upstream, metrics, log, countBytes }: MeasureOptions): readonly TransportLayer[] {
  return [readWholeBody({ upstream, countBytes }), observe({ upstream, metrics, log })];
}
