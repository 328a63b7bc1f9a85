// Leaves a registry alone that fails again and again, so that nobody waits for it and it can recover. It is then asked for
// a sign of life from time to time, by nobody's request; when it gives one, a single call tries it, and if that succeeds
// all others follow. Many a registry's front answers while what is behind it does not (decision 0017).
import { CacheError, isCacheError } from '@cistern/errors';
import type { Logger, UpstreamMetrics } from '@cistern/telemetry';
import { CircuitState, circuitBreaker, ConsecutiveBreaker, handleWhen, type IBreaker } from 'cockatiel';
import {
  isServerFailure,
  type TransportLayer,
  type TransportRequest,
  type TransportResponse,
  nameUpstream,
  type UpstreamIdentity,
} from '../transport/transport.ts';

export interface BreakerOptions {
  readonly upstream: UpstreamIdentity;
  /** Asks for a sign of life: any answer but a failure of the server. */
  readonly ping: () => Promise<TransportResponse>;
  /** A registry that says nothing at all is left alone at its first failure. */
  readonly isSilent: () => boolean;
  readonly metrics: UpstreamMetrics;
  readonly log: Logger;
  readonly pauses?: BreakerPauses | undefined;
}

export interface BreakerPauses {
  readonly firstMs: number;
  readonly longestMs: number;
}

export interface Breaker {
  /** Rejects at once with `upstream-unreachable` while the registry is left alone. */
  readonly layer: TransportLayer;
  /** Rejects as `layer` while the breaker is open. Calls that pass are not counted: they neither open nor close it. */
  readonly guard: TransportLayer;
  close(): void;
}

/** Failures of calls, each with its retries, without a success between them. */
const maxFailures = 5;
const defaultPauses: BreakerPauses = { firstMs: 1_000, longestMs: 10_000 };
const stages = { closed: 0, 'half-open': 1, open: 2 } as const;
type Stage = keyof typeof stages;

export function createBreaker(options: BreakerOptions): Breaker {
  const { upstream, ping, isSilent, metrics, log, pauses = defaultPauses } = options;
  const labels = { upstream: upstream.name, endpoint: upstream.url.host };
  const policy = circuitBreaker(handleWhen(isFailure).orWhenResult(isFailedExchange), {
    breaker: openingAt(maxFailures, isSilent),
    // Pauses and signs of life decide below.
    halfOpenAfter: 0,
  });
  let stage: Stage = 'closed';
  let isTried = false;
  /** Since a call succeeded. */
  let fruitless = 0;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  function enter(next: Stage): void {
    stage = next;
    metrics.upstreamEndpointState.set(labels, stages[next]);
    metrics.upstreamEndpointTransitions.inc({ ...labels, to: next });
  }

  function pingLater(): void {
    const pauseMs = Math.min(pauses.firstMs * 2 ** fruitless, pauses.longestMs);
    fruitless += 1;
    // Jitter: the workers of a cluster have all seen it fail at the same time.
    timer = setTimeout(() => void pingOnce(), pauseMs * (0.75 + Math.random() / 2));
  }

  async function pingOnce(): Promise<void> {
    const isAlive = await ping().then(
      ({ status }) => !isServerFailure(status),
      () => false,
    );
    if (closed) return;
    if (isAlive) enter('half-open');
    else pingLater();
  }

  for (const to of Object.keys(stages)) metrics.upstreamEndpointTransitions.inc({ ...labels, to }, 0);
  metrics.upstreamEndpointState.set(labels, stages.closed);
  policy.onStateChange((state) => {
    if (closed || state === CircuitState.HalfOpen) return;
    if (state === CircuitState.Closed) {
      enter('closed');
      fruitless = 0;
      log.info(labels, 'an upstream registry answers again');
      return;
    }
    enter('open');
    const why = reasonOf(policy.lastFailure);
    if (fruitless === 0) log.warn({ ...labels, ...why }, 'an upstream registry fails and is left alone');
    else log.debug({ ...labels, ...why }, 'an upstream registry gave a sign of life and fails all the same');
    pingLater();
  });

  return {
    layer: (next) => async (request) => {
      const isTrial = stage === 'half-open';
      if (stage === 'open' || (isTrial && isTried)) throw leftAlone(upstream);
      isTried = isTrial;
      try {
        return (await policy.execute(async () => exchange(next, request))).response;
      } finally {
        if (isTrial) isTried = false;
      }
    },
    guard: (next) => async (request) => {
      // Not while it is half-open: then nothing but an own call closes it, and there may be none.
      if (stage === 'open') throw leftAlone(upstream);
      return next(request);
    },
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}

/** After so many failures in a row, or at once. */
function openingAt(failures: number, atOnce: () => boolean): IBreaker {
  const inARow = new ConsecutiveBreaker(failures);
  return {
    state: undefined,
    success: () => inARow.success(),
    failure: () => inARow.failure() || atOnce(),
  };
}

function reasonOf(failure: object | undefined): object {
  const { error, value } = (failure ?? {}) as { readonly error?: unknown; readonly value?: Exchange };
  return value === undefined ? { err: error } : { status: value.response.status };
}

interface Exchange {
  readonly response: TransportResponse;
  /** Answered by the registry itself, not by its storage. */
  readonly ours: boolean;
}

async function exchange(next: Parameters<TransportLayer>[0], request: TransportRequest): Promise<Exchange> {
  const response = await next(request);
  return { response, ours: response.url.origin === request.url.origin };
}

/** Never a refusal, of whatever kind: who refuses is well. A caller that leaves says nothing of the registry either. */
function isFailure(error: unknown): boolean {
  return isCacheError(error, 'upstream-unreachable', 'upstream-timeout');
}

function isFailedExchange(value: unknown): boolean {
  const { response, ours } = value as Exchange;
  return ours && isServerFailure(response.status);
}

function leftAlone(upstream: UpstreamIdentity): CacheError {
  const message = `${nameUpstream(upstream)} has failed again and again and is left alone until it gives a sign of life.`;
  return new CacheError('upstream-unreachable', message, { detail: { upstream: upstream.name }, retryable: true });
}
