// What a registry's refusal means to the cache: the one table from statuses to kinds of CacheError.
import { CacheError, type CacheErrorKind } from '@cistern/errors';
import {
  parseRetryAfterMs,
  type TransportResponse,
  nameUpstream,
  type UpstreamIdentity,
} from '../transport/transport.ts';

export interface ResponseErrorContext {
  readonly upstream: UpstreamIdentity;
  /** What was asked for, for the message: `the tag latest of library/nginx`. */
  readonly subject: string;
  /** What a 404 means here. */
  readonly unknown: 'manifest-unknown' | 'blob-unknown' | 'name-unknown';
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** For any response that is no answer to the call. A 401 that got here came in answer to a fresh token. */
export function toResponseError(response: TransportResponse, context: ResponseErrorContext): CacheError {
  const { status, headers, url } = response;
  const { upstream, subject, nowMs } = context;
  const ours = url.origin === upstream.url.origin;
  const who = nameUpstream(upstream, url.host);
  const code = readErrorCode(response.bytes);
  const retryAfterMs = parseRetryAfterMs(headers, nowMs);
  const fail = (kind: CacheErrorKind, message: string, retryable = false): CacheError =>
    new CacheError(kind, message, {
      detail: { upstream: upstream.name, status, ...(code !== undefined && { code }) },
      retryable,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    });

  switch (status) {
    case 401:
    case 403:
    case 451:
      if (!ours)
        return fail('upstream-unreachable', `${who}, where ${subject} is stored, refused access (${status}).`, true);
      if (status === 401)
        return fail('name-unknown', `${who} gives no access to ${subject}: it is missing or private.`);
      return fail('denied', `${who} denies access to ${subject}.`);
    case 404:
    case 410:
      return fail(code === 'NAME_UNKNOWN' ? 'name-unknown' : context.unknown, `${who} does not have ${subject}.`);
    case 408:
      return fail('upstream-timeout', `${who} gave up waiting for our request.`, true);
    case 416:
      return fail('range-unsatisfiable', `${who} says that the range lies outside of ${subject}.`);
    case 429:
      return fail('upstream-rate-limited', `${who} answers too many requests when asked for ${subject}.`, true);
    case 508:
      return fail('loop-detected', `${who} leads back to this cache; correct its URL.`);
    default:
      if (status >= 500)
        return fail('upstream-unreachable', `${who} failed to answer for ${subject} (${status}).`, true);
      if (status >= 400) return fail('upstream-unreachable', `${who} refused to answer for ${subject} (${status}).`);
      return fail(
        'content-mismatch',
        `${who} answered ${status} when asked for ${subject}, which makes no sense there.`,
      );
  }
}

/** The first code of an OCI error body (distribution specification, "Error Codes"). */
function readErrorCode(bytes: Buffer | undefined): string | undefined {
  if (bytes === undefined || bytes.length === 0) return undefined;
  try {
    const body = JSON.parse(bytes.toString('utf8')) as { errors?: { code?: unknown }[] } | null;
    const code = body?.errors?.[0]?.code;
    return typeof code === 'string' && /^[A-Z_]{1,64}$/.test(code) ? code : undefined;
  } catch {
    return undefined;
  }
}
