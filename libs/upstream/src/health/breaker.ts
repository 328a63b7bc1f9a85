// A circuit breaker. It stops calls to an unavailable registry until a ping is answered, so that no request waits and
// the registry can recover (decision 0017). A failure of one repository affects that repository only. Only failures of
// the registry open the breaker (decision 0053).
import { CacheError, isCacheError } from '@cistern/errors';
import { type Logger, type UpstreamMetrics, type UpstreamOperation, watchOutage } from '@cistern/telemetry';
import { CircuitState, circuitBreaker, handleWhenResult, type IBackoff } from 'cockatiel';
import { isConnectFailure } from '../transport/network-error.ts';
import {
  isServerFailure,
  nameUpstream,
  parseRetryAfterMs,
  type Transport,
  type TransportLayer,
  type TransportRequest,
  type TransportResponse,
  type UpstreamIdentity,
  withRetryAfter,
} from '../transport/transport.ts';
import { collectEvidence } from './breaker-evidence.ts';
import { rememberFailures } from './remembered-failures.ts';

export interface BreakerOptions {
  readonly upstream: UpstreamIdentity;
  /** Pings the registry. Any answer but a server failure means that it is alive. */
  readonly ping: () => Promise<TransportResponse>;
  /** Reports whether the registry has fallen silent. Its first failure then opens the breaker. */
  readonly isSilent: () => boolean;
  readonly metrics: UpstreamMetrics;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  readonly pauses?: BreakerPauses | undefined;
  /** Returns false if the state of this breaker must not be reported any more. Default: always true. */
  readonly isCurrent?: (() => boolean) | undefined;
}

export interface BreakerPauses {
  readonly firstMs: number;
  readonly longestMs: number;
}

export interface Breaker {
  /**
   * Rejects immediately with `upstream-unreachable` while the breaker is open or a failure of the repository is
   * remembered.
   */
  readonly layer: TransportLayer;
  /**
   * Rejects as `layer` does while the breaker is open. Requests that pass are not counted: they neither open nor close
   * the breaker.
   */
  readonly guard: TransportLayer;
  close(): void;
}

const defaultPauses: BreakerPauses = { firstMs: 1_000, longestMs: 10_000 };
const stages = { closed: 0, 'half-open': 1, open: 2 } as const;

export function createBreaker(options: BreakerOptions): Breaker {
  const { upstream, ping, isSilent, metrics, log, clock, pauses = defaultPauses } = options;
  const { isCurrent = () => true } = options;
  const labels = { upstream: upstream.name, endpoint: upstream.url.host };
  const failures = rememberFailures(upstream, clock);
  const evidence = collectEvidence(clock);
  /** True if a ping was answered after the breaker opened. */
  let isAlive = false;
  /** Time of that answer, by `performance.now()`. */
  let aliveAtMs = 0;
  /** Pings since the breaker was last closed. */
  let pings = 0;
  let nextPingAtMs = 0;
  /** True if the breaker opened because of a failed connection, so that the cause may be in this worker. */
  let isLocal = false;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  // Cockatiel's pause before the trial call must last until a ping is answered. Cockatiel compares wall-clock times,
  // which may jump back, so the pause is infinite until then and over afterwards.
  const untilAlive: IBackoff<unknown> = {
    get duration() {
      return isAlive ? -Infinity : Infinity;
    },
    next: () => untilAlive,
  };
  const policy = circuitBreaker(
    handleWhenResult((outcome) => (outcome as Outcome).isOfRegistry),
    {
      halfOpenAfter: untilAlive,
      breaker: { state: undefined, success() {}, failure: () => isSilent() || evidence.isConclusive() },
    },
  );
  const isUnanswered = (error: CacheError): boolean => isSilent() || isConnectFailure(upstream, error);
  const isOpen = (): boolean => policy.state === CircuitState.Open && !isAlive;
  /** True if calls are refused. While the trial call runs, other calls do not wait for its result. */
  const isRefusing = (): boolean => isOpen() || policy.state === CircuitState.HalfOpen;
  const waitMs = (): number => (isOpen() ? Math.max(0, nextPingAtMs - clock()) : 0);

  const outage = watchOutage(log, {
    part: `upstream ${labels.upstream} ${labels.endpoint}`,
    lines: {
      began: (facts) => log.warn({ ...labels, ...facts }, 'circuit breaker opened'),
      lasts(facts) {
        // A registry that answers pings may get no request for hours, and is no longer unavailable. The ping does not end the
        // outage at once, because the trial call may fail again soon.
        if (isAlive && performance.now() - aliveAtMs >= pauses.longestMs) outage.recovered();
        else log.warn({ ...labels, ...facts }, 'circuit breaker still open');
      },
      ended(facts) {
        const isClosed = policy.state === CircuitState.Closed;
        log.warn({ ...labels, ...facts }, isClosed ? 'circuit breaker closed' : 'circuit breaker half-open');
      },
    },
    explains: (error) => isRefusing() && isFailureOf(upstream, error),
  });

  function show(stage: keyof typeof stages): void {
    if (isCurrent()) metrics.upstreamEndpointState.set(labels, stages[stage]);
    metrics.upstreamEndpointTransitions.inc({ ...labels, to: stage });
  }

  function pingLater(): void {
    // Jitter is needed because all workers of a cluster saw the failure at the same time.
    const pauseMs = Math.min(pauses.firstMs * 2 ** pings, pauses.longestMs) * (0.75 + Math.random() / 2);
    pings += 1;
    nextPingAtMs = clock() + pauseMs;
    timer = setTimeout(() => void pingOnce(), pauseMs);
  }

  async function pingOnce(): Promise<void> {
    isAlive = await ping().then(
      ({ status }) => !isServerFailure(status),
      () => false,
    );
    if (closed) return;
    aliveAtMs = performance.now();
    if (isAlive) show('half-open');
    else pingLater();
  }

  for (const to of Object.keys(stages)) metrics.upstreamEndpointTransitions.inc({ ...labels, to }, 0);
  if (isCurrent()) metrics.upstreamEndpointState.set(labels, stages.closed);
  policy.onBreak((reason) => {
    if (closed) return;
    show('open');
    const { error, response } = ('value' in reason ? reason.value : {}) as Partial<Outcome>;
    isLocal = error?.isLocal === true;
    const why = response === undefined ? { err: error } : { status: response.status };
    const cause = error ?? new Error(`it answered ${response?.status}`);
    if (isCurrent()) metrics.causes.note('endpoint', `${labels.upstream} ${labels.endpoint}`, cause);
    if (pings > 0) log.debug({ ...labels, ...why }, 'circuit breaker opened again');
    outage.failed(cause);
    isAlive = false;
    pingLater();
  });
  policy.onReset(() => {
    if (closed) return;
    show('closed');
    pings = 0;
    outage.recovered();
  });

  /** Decides whether an exchange counts as evidence about the registry. */
  function weigh(outcome: Exchange, { operation, repository }: TransportRequest): Outcome {
    const { failed, response } = outcome;
    if (failed === 'connection') evidence.connectionFailed();
    if (failed === 'nothing') evidence.answered(response.status < 400 ? repository : undefined);
    if (failed !== 'repository') return { ...outcome, isOfRegistry: failed === 'connection' };
    const isOfRegistry = evidence.repositoryFailed(manifestOperations.has(operation) ? repository : undefined);
    return { ...outcome, isOfRegistry };
  }

  function refuse(): never {
    outage.skipped();
    const message = `${nameUpstream(upstream)} failed repeatedly, so its circuit breaker is open. Calls resume after it answers a ping.`;
    const detail = { upstream: upstream.name, host: upstream.url.host };
    throw new CacheError('upstream-unreachable', message, {
      detail,
      retryable: true,
      retryAfterMs: waitMs(),
      isLocal,
    });
  }

  async function send(next: Transport, request: TransportRequest): Promise<TransportResponse> {
    if (isRefusing()) refuse();
    const attempt = failures.begin(request);
    const outcome = await policy.execute(async () => weigh(await exchange(isUnanswered, next, request), request));
    const { failed, response, error } = outcome;
    let retryAfterMs = waitMs();
    if (failed === 'nothing') attempt.answered();
    if (failed === 'repository') {
      const wanted = response && parseRetryAfterMs(response.headers, clock());
      const why = response === undefined ? 'failed' : `answered ${response.status}`;
      retryAfterMs = Math.max(retryAfterMs, attempt.failed(why, wanted));
    }
    if (response === undefined) throw retryAfterMs === 0 ? error : withRetryAfter(error, retryAfterMs);
    return failed === 'nothing' ? response : { ...response, retryAfterMs };
  }

  return {
    layer: (next) => (request) => send(next, request),
    guard: (next) => async (request) => {
      // A half-open breaker does not reject here, because only one of our own calls can close it, and there may be
      // none.
      if (isOpen()) refuse();
      const response = await next(request);
      if (isAlive && !isServerFailure(response.status)) outage.recovered();
      return response;
    },
    close() {
      closed = true;
      clearTimeout(timer);
      outage.close();
    },
  };
}

/** Returns true for a call that this registry did not answer, or that the breaker refused. */
function isFailureOf({ name, url }: UpstreamIdentity, error: Error): boolean {
  if (!isCacheError(error, 'upstream-unreachable', 'upstream-timeout')) return false;
  const { upstream, host, status } = (error.detail ?? {}) as Readonly<Record<'upstream' | 'host' | 'status', unknown>>;
  return upstream === name && host === url.host && (typeof status !== 'number' || isServerFailure(status));
}

/**
 * Only calls for manifests count against the registry, because its other endpoints may be broken or missing while it is
 * healthy.
 */
const manifestOperations: ReadonlySet<UpstreamOperation> = new Set(['get-manifest', 'head-manifest']);

type Exchange =
  | { readonly failed: 'nothing'; readonly response: TransportResponse; readonly error?: undefined }
  | { readonly failed: 'repository'; readonly response: TransportResponse; readonly error?: undefined }
  | { readonly failed: 'repository' | 'connection'; readonly response?: undefined; readonly error: CacheError };

type Outcome = Exchange & {
  /** True if the outcome counts as a failure of the registry itself. */
  readonly isOfRegistry: boolean;
};

/**
 * Makes the exchange and classifies it. A refusal is no failure. Other errors, such as the abort of a call by its
 * caller, are thrown again and do not count.
 */
async function exchange(
  isUnanswered: (error: CacheError) => boolean,
  next: Transport,
  request: TransportRequest,
): Promise<Exchange> {
  try {
    const response = await next(request);
    // Storage behind a redirect is a different server.
    const isOwn = response.url.origin === request.url.origin;
    return { response, failed: isOwn && isServerFailure(response.status) ? 'repository' : 'nothing' };
  } catch (error) {
    if (!isCacheError(error, 'upstream-unreachable', 'upstream-timeout')) throw error;
    return { error, failed: isUnanswered(error) ? 'connection' : 'repository' };
  }
}
