// What the calls of one upstream share: their URLs, the stack they go through, how long they may take, and their errors.
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

/** `/v2/<repository>/<rest>` below the upstream's own path. */
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
  /** For messages: `the tag latest of library/nginx`. */
  readonly subject: string;
  /** What a 404 means here. */
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
  /** Statuses besides 200 that are an answer. */
  readonly answers?: ReadonlySet<number>;
}

/** A call whose answer is read whole. Resolves with a 200, or one of `answers`. */
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
 * What a registry's refusal means to the cache: the one table from statuses to kinds of CacheError, for any response that is no
 * answer to the call. A 401 that got here came in answer to a fresh token.
 */
export function toResponseError(
  { upstream, clock }: CallContext,
  response: TransportResponse,
  { subject, unknown }: CallSubject,
): CacheError {
  const { status, headers, url } = response;
  const ours = url.origin === upstream.url.origin;
  const who = nameUpstream(upstream, url.host);
  const code = readErrorCode(response.bytes);
  const { retryAfterMs = parseRetryAfterMs(headers, clock()) } = response;
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
      return fail(code === 'NAME_UNKNOWN' ? 'name-unknown' : unknown, `${who} does not have ${subject}.`);
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

/** A call's lifetime; its deadline is the call's `upstream-timeout`. */
export function startCall(
  { upstream }: Pick<CallContext, 'upstream'>,
  signal: AbortSignal | undefined,
  subject: string,
): Lifetime {
  return startLifetime(
    signal,
    () =>
      new CacheError('upstream-timeout', `${nameUpstream(upstream)} took too long to answer for ${subject}.`, {
        detail: { upstream: upstream.name },
        retryable: true,
      }),
  );
}

/** How long a call may go on: until its caller's signal fires, its owner ends it, or a deadline that can be moved passes. */
export interface Lifetime {
  readonly signal: AbortSignal;
  /** From now; replaces an earlier deadline. */
  setDeadline(afterMs: number): void;
  clearDeadline(): void;
  abort(reason: unknown): void;
  /** Lets go of the caller's signal and of the timer. */
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
