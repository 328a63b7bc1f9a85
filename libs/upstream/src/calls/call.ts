// What the calls of one upstream share: their URLs, the stack they go through and the errors they give.
import { CacheError } from '@cistern/errors';
import type { RepositoryName } from '@cistern/oci';
import type { UpstreamOperation } from '@cistern/telemetry';
import { startLifetime, type Lifetime } from '../lifetime.ts';
import { type ResponseErrorContext, toResponseError } from './response-error.ts';
import type { Transport, TransportResponse } from '../transport/transport.ts';
import type { CallOptions } from '../upstream.ts';
import { nameUpstream, type UpstreamIdentity } from '../upstream-identity.ts';

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
  readonly method: 'GET' | 'HEAD';
  readonly url: URL;
  readonly repository: RepositoryName;
  readonly accept?: string;
  readonly options: CallOptions | undefined;
  readonly subject: string;
  readonly unknown: ResponseErrorContext['unknown'];
}

/** A call whose answer is read whole. Resolves with a 200 only. */
export async function fetchDocument(context: CallContext, call: DocumentCall): Promise<TransportResponse> {
  const { operation, method, url, repository, accept, subject, unknown, options } = call;
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

export function contradiction({ upstream }: CallContext, message: string): CacheError {
  return new CacheError('content-mismatch', `${nameUpstream(upstream)} ${message}.`, {
    detail: { upstream: upstream.name },
  });
}
