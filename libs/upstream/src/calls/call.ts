// What the calls of one upstream share: their URLs, the stack they go through, how long they may take, and their errors.
import { CacheError } from '@cistern/errors';
import type { RepositoryName } from '@cistern/oci';
import { setAwakeTimeout } from '@cistern/runtime';
import type { UpstreamOperation } from '@cistern/telemetry';
import { nameUpstream, type Transport, type TransportResponse, type UpstreamIdentity } from '../transport/transport.ts';
import type { CallOptions } from '../upstream.ts';
import { type ResponseErrorContext, toResponseError } from './response-error.ts';

export interface CallContext {
  readonly upstream: UpstreamIdentity;
  readonly transport: Transport;
  readonly deadlineMs: number;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** 4 MiB, as the OCI distribution specification asks of registries for manifests; lists get no more. */
const maxDocumentBytes = 4 * 1024 * 1024;

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

export interface DocumentCall {
  readonly operation: UpstreamOperation;
  /** Default: GET. */
  readonly method?: 'GET' | 'HEAD';
  readonly url: URL;
  readonly repository: RepositoryName;
  readonly accept?: string;
  readonly options: CallOptions | undefined;
  readonly subject: string;
  readonly unknown: ResponseErrorContext['unknown'];
}

/** A call whose answer is read whole. Resolves with a 200 only. */
export async function fetchDocument(context: CallContext, call: DocumentCall): Promise<TransportResponse> {
  const { operation, method = 'GET', url, repository, accept, subject, unknown, options } = call;
  const { upstream, transport, deadlineMs, clock } = context;
  const lifetime = startCall(context, options?.signal, subject);
  try {
    lifetime.setDeadline(deadlineMs);
    const response = await transport({
      operation,
      method,
      url,
      repository,
      headers: accept === undefined ? {} : { accept },
      signal: lifetime.signal,
      maxBodyBytes: maxDocumentBytes,
      purpose: options?.purpose,
    });
    if (response.status !== 200) throw toResponseError(response, { upstream, subject, unknown, nowMs: clock() });
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
