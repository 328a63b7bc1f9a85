// The transport layers of each HTTP request to an upstream, for our own calls and for access checks. They retry
// requests, read short bodies, record metrics and reject content encodings.
import { CacheError, isCacheError, type CacheErrorKind } from '@cistern/errors';
import { type Logger, redactUrl, type UpstreamMetrics, type UpstreamOutcome } from '@cistern/telemetry';
import { toNetworkError } from './network-error.ts';
import { retryRequests } from './retry.ts';
import {
  dropBody,
  headerValue,
  nameUpstream,
  type TransportLayer,
  type TransportRequest,
  type TransportResponse,
  type UpstreamIdentity,
} from './transport.ts';

export interface MeasureOptions {
  readonly upstream: UpstreamIdentity;
  readonly metrics: UpstreamMetrics;
  readonly log: Logger;
  readonly countBytes: (bytes: number) => void;
}

/** Requests that share these layers share one retry budget. */
export function attemptLayers(options: MeasureOptions): readonly TransportLayer[] {
  const { upstream, metrics } = options;
  const retries = retryRequests((result) => metrics.upstreamRetries.inc({ upstream: upstream.name, result }));
  return [retries, ...readAndObserve(options), refuseEncoded(upstream)];
}

export function readAndObserve(options: MeasureOptions): readonly TransportLayer[] {
  return [readWholeBody(options), observe(options)];
}

/** Limits the body of a refusal, which is read only for its error code. */
const maxRefusalBytes = 16 * 1024;

/**
 * Reads the bodies of refusals, and the bodies of successes if `maxBodyBytes` is set. This layer is inside the retry
 * layer, so a manifest whose body breaks is requested again. No layer above can leak such a body.
 */
export function readWholeBody({
  upstream,
  countBytes,
}: Pick<MeasureOptions, 'upstream' | 'countBytes'>): TransportLayer {
  return (next) => async (request) => {
    const response = await next(request);
    const success = response.status < 300;
    if (success && request.maxBodyBytes === undefined) return response;
    const maxBytes = success ? (request.maxBodyBytes ?? 0) : maxRefusalBytes;
    const bytes = await read(upstream, request, response, maxBytes);
    countBytes(bytes.length);
    if (bytes.length <= maxBytes) return { ...response, bytes };
    if (!success) return { ...response, bytes: bytes.subarray(0, maxBytes) };
    throw new CacheError(
      'content-mismatch',
      `${nameUpstream(upstream, response.url.host)} sent an answer of more than the ${maxBytes} bytes that are allowed.`,
    );
  };
}

/** Reads at most one chunk more than `maxBytes`, so an endless body is not read to its end. */
async function read(
  upstream: UpstreamIdentity,
  { signal }: TransportRequest,
  { body, url }: TransportResponse,
  maxBytes: number,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    // Leaving the loop destroys the body.
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > maxBytes) break;
    }
  } catch (error) {
    throw toNetworkError(error, { upstream, url, signal });
  }
  return Buffer.concat(chunks, size);
}

/** Rejects a response with a content encoding. None was requested, and the digest may not cover the decoded bytes. */
export function refuseEncoded(upstream: UpstreamIdentity): TransportLayer {
  return (next) => async (request) => {
    const response = await next(request);
    const encoding = headerValue(response.headers, 'content-encoding')?.trim().toLowerCase() ?? '';
    if (response.status >= 300 || encoding === '' || encoding === 'identity') return response;
    dropBody(response.body);
    throw new CacheError(
      'content-mismatch',
      `${nameUpstream(upstream, response.url.host)} answered with the content encoding "${encoding.slice(0, 40)}", though only identity was accepted.`,
    );
  };
}

/** Counts and times every HTTP request to an upstream, and logs one debug line for it. */
function observe({ upstream: { name }, metrics, log }: MeasureOptions): TransportLayer {
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
    // The upstream refused the caller, not us.
    if (operation === 'check-access') return authorization === undefined ? 'ok' : 'denied';
    // A 401 to a request without credentials is no refusal, because it carries the challenge.
    if (status === 401 && authorization === undefined && operation !== 'token') return 'ok';
    const ownCredentials = authorization?.startsWith('Basic ') === true;
    return ownCredentials && (status === 401 || operation === 'token') ? 'refused-us' : 'denied';
  }
  if (status === 404 || status === 410) return 'not-found';
  if (status === 429) return 'rate-limited';
  return status >= 500 ? 'unreachable' : 'mismatch';
}
