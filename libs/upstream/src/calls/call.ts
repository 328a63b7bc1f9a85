// The shared parts of all calls to one upstream: URLs, the stack of transports, deadlines and errors.
import { CacheError, type CacheErrorKind } from '@cistern/errors';
import { maxManifestBytes, type RepositoryName } from '@cistern/oci';
import { setAwakeTimeout } from '@cistern/runtime';
import type { UpstreamOperation } from '@cistern/telemetry';
import {
  nameUpstream,
  parseRetryAfterMs,
  type Transport,
  type TransportResponse,
  type UpstreamIdentity,
} from '../transport/transport.ts';
import type { CallOptions } from '../upstream.ts';

export interface CallContext {
  readonly upstream: UpstreamIdentity;
  readonly transport: Transport;
  readonly deadlineMs: number;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** Returns the URL of `/v2/<repository>/<rest>` below the upstream's own path. */
export function endpoint(
  { upstream }: CallContext,
  repository: RepositoryName,
  rest: string,
  query: Readonly<Record<string, string | number | undefined>> = {},
): URL {
  const url = new URL(`${upstream.url.pathname}/v2/${repository}/${rest}`.replace(/^\/+/, '/'), upstream.url);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  return url;
}

export interface CallSubject {
  /** The subject in messages, such as `the tag latest of library/nginx`. */
  readonly subject: string;
  /** The error kind for a 404. */
  readonly unknown: 'manifest-unknown' | 'blob-unknown' | 'name-unknown';
}

export interface DocumentCall extends CallSubject {
  readonly operation: UpstreamOperation;
  /** Default: GET. */
  readonly method?: 'GET' | 'HEAD';
  readonly url: URL;
  readonly repository: RepositoryName;
  readonly accept?: string;
  readonly options: CallOptions | undefined;
  /** Default: 4 MiB. */
  readonly maxBodyBytes?: number;
  /** Statuses besides 200 that are valid answers. */
  readonly answers?: ReadonlySet<number>;
}

/** Makes a call and reads its whole body. Resolves to the response if its status is 200 or in `answers`. */
export async function fetchDocument(context: CallContext, call: DocumentCall): Promise<TransportResponse> {
  const {
    operation,
    method = 'GET',
    url,
    repository,
    accept,
    options,
    answers,
    maxBodyBytes = maxManifestBytes,
  } = call;
  const { transport, deadlineMs } = context;
  const lifetime = startCall(context, options?.signal, call.subject);
  try {
    lifetime.setDeadline(deadlineMs);
    const response = await transport({
      operation,
      method,
      url,
      repository,
      headers: accept === undefined ? {} : { accept },
      signal: lifetime.signal,
      maxBodyBytes,
      purpose: options?.purpose,
    });
    if (response.status !== 200 && answers?.has(response.status) !== true)
      throw toResponseError(context, response, call);
    return response;
  } finally {
    lifetime.release();
  }
}

export function contradiction({ upstream }: CallContext, message: string): CacheError {
  return new CacheError('content-mismatch', `${nameUpstream(upstream)} ${message}.`, {
    detail: { upstream: upstream.name },
  });
}

/**
 * Converts a response with an unexpected status to a CacheError. This is the only table from statuses to error kinds. A
 * 401 here means that the registry refused a fresh token.
 */
export function toResponseError(
  { upstream, clock }: CallContext,
  response: TransportResponse,
  { subject, unknown }: CallSubject,
): CacheError {
  const { status, headers, url } = response;
  const ours = url.origin === upstream.url.origin;
  const server = nameUpstream(upstream, url.host);
  const code = readErrorCode(response.bytes);
  const { retryAfterMs = parseRetryAfterMs(headers, clock()) } = response;
  const fail = (kind: CacheErrorKind, message: string, retryable = false): CacheError =>
    new CacheError(kind, message, {
      detail: { upstream: upstream.name, host: url.host, status, ...(code !== undefined && { code }) },
      retryable,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    });

  switch (status) {
    case 401:
    case 403:
    case 451:
      if (!ours)
        return fail('upstream-unreachable', `${server}, which stores ${subject}, refused access (${status}).`, true);
      if (status === 401)
        return fail('name-unknown', `${server} gives no access to ${subject}: it is missing or private.`);
      return fail('denied', `${server} denies access to ${subject}.`);
    case 404:
    case 410:
      return fail(code === 'NAME_UNKNOWN' ? 'name-unknown' : unknown, `${server} does not have ${subject}.`);
    case 408:
      return fail('upstream-timeout', `${server} timed out while it waited for our request.`, true);
    case 416:
      return fail('range-unsatisfiable', `${server} reports that the range is outside of ${subject}.`);
    case 429:
      return fail('upstream-rate-limited', `${server} throttled the request for ${subject} (too many requests).`, true);
    case 508:
      return fail('loop-detected', `${server} leads back to this cache. Correct the URL of this upstream.`);
    default:
      if (status >= 500)
        return fail('upstream-unreachable', `${server} failed to answer the request for ${subject} (${status}).`, true);
      if (status >= 400)
        return fail('upstream-unreachable', `${server} refused the request for ${subject} (${status}).`);
      return fail(
        'content-mismatch',
        `${server} answered the request for ${subject} with an unexpected status (${status}).`,
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

/** Starts the lifetime of a call. A missed deadline ends the call with `upstream-timeout`. */
export function startCall(
  { upstream }: Pick<CallContext, 'upstream'>,
  signal: AbortSignal | undefined,
  subject: string,
): Lifetime {
  return startLifetime(
    signal,
    () =>
      new CacheError(
        'upstream-timeout',
        `${nameUpstream(upstream)} took too long to answer the request for ${subject}.`,
        {
          detail: { upstream: upstream.name },
          retryable: true,
        },
      ),
  );
}

/** The lifetime of a call. It ends when the caller's signal fires, its owner aborts it, or its deadline passes. */
export interface Lifetime {
  readonly signal: AbortSignal;
  /** Sets the deadline to `afterMs` from now. It replaces an earlier deadline. */
  setDeadline(afterMs: number): void;
  clearDeadline(): void;
  abort(reason: unknown): void;
  /** Removes the listener on the caller's signal and stops the timer. */
  release(): void;
}

export function startLifetime(parent: AbortSignal | undefined, onDeadline: () => Error): Lifetime {
  const controller = new AbortController();
  let cancelDeadline: (() => void) | undefined;
  const onParentAbort = (): void => controller.abort(parent?.reason);
  if (parent?.aborted === true) onParentAbort();
  else parent?.addEventListener('abort', onParentAbort, { once: true });
  return {
    signal: controller.signal,
    setDeadline(afterMs) {
      cancelDeadline?.();
      cancelDeadline = setAwakeTimeout(() => controller.abort(onDeadline()), afterMs);
    },
    clearDeadline: () => cancelDeadline?.(),
    abort: (reason) => controller.abort(reason),
    release() {
      cancelDeadline?.();
      parent?.removeEventListener('abort', onParentAbort);
    },
  };
}
