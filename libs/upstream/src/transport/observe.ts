// Counts and times every HTTP request to an upstream and writes one debug line about it.
import { isCacheError, type CacheErrorKind } from '@cistern/errors';
import { type Logger, redactUrl, type UpstreamMetrics, type UpstreamOutcome } from '@cistern/telemetry';
import type { UpstreamIdentity } from '../upstream-identity.ts';
import type { TransportLayer, TransportRequest, TransportResponse } from './transport.ts';

export interface ObserveOptions {
  readonly upstream: UpstreamIdentity;
  readonly metrics: UpstreamMetrics;
  readonly log: Logger;
}

export function observe({ upstream: { name }, metrics, log }: ObserveOptions): TransportLayer {
  return (next) => async (request) => {
    const { operation, method, url } = request;
    const startedAt = performance.now();
    const record = (outcome: UpstreamOutcome, facts: object): void => {
      metrics.upstreamRequests.inc({ upstream: name, operation, outcome });
      const durationMs = Math.round(performance.now() - startedAt);
      log.debug(
        { upstream: name, operation, method, url: redactUrl(url.href), outcome, durationMs, ...facts },
        'upstream request',
      );
    };
    try {
      const response = await next(request);
      metrics.upstreamRequestDuration.observe({ upstream: name, operation }, (performance.now() - startedAt) / 1000);
      record(outcomeOf(request, response), { status: response.status, host: response.url.host });
      return response;
    } catch (error) {
      record(isCacheError(error) ? (outcomeOfKind[error.kind] ?? 'unreachable') : 'aborted', {});
      throw error;
    }
  };
}

const outcomeOfKind: Partial<Record<CacheErrorKind, UpstreamOutcome>> = {
  'upstream-timeout': 'timeout',
  'upstream-refused-us': 'refused-us',
  'content-mismatch': 'mismatch',
};

function outcomeOf({ operation, headers }: TransportRequest, { status }: TransportResponse): UpstreamOutcome {
  if (status < 400) return 'ok';
  const refused = status === 401 || status === 403 || status === 451;
  if (refused) {
    const { authorization } = headers;
    // Of a caller, not of us.
    if (operation === 'check-access') return authorization === undefined ? 'ok' : 'denied';
    // The first half of the handshake: this is how a registry says what it wants.
    if (status === 401 && authorization === undefined && operation !== 'token') return 'ok';
    const ownCredentials = authorization?.startsWith('Basic ') === true;
    return ownCredentials && (status === 401 || operation === 'token') ? 'refused-us' : 'denied';
  }
  if (status === 404 || status === 410) return 'not-found';
  if (status === 429) return 'rate-limited';
  return status >= 500 ? 'unreachable' : 'mismatch';
}
