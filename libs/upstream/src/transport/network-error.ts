// Converts errors of undici, TLS and the resolver to a CacheError that names the failure and the server.
import { CacheError, isCacheError } from '@cistern/errors';
import { nameUpstream, type UpstreamIdentity } from './transport.ts';

const timeouts: Readonly<Record<string, string>> = {
  UND_ERR_CONNECT_TIMEOUT: 'did not accept a connection in time',
  UND_ERR_HEADERS_TIMEOUT: 'did not begin its answer in time',
  UND_ERR_BODY_TIMEOUT: 'stalled in the middle of its answer',
  ETIMEDOUT: 'did not accept a connection in time',
};

const failures: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refused the connection',
  ECONNRESET: 'broke the connection',
  EPIPE: 'broke the connection',
  UND_ERR_SOCKET: 'broke the connection',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'broke the connection before the end of its answer',
  ENOTFOUND: 'has a name that cannot be resolved',
  EAI_AGAIN: 'has a name that cannot be resolved at the moment',
  EHOSTUNREACH: 'cannot be reached over the network',
  ENETUNREACH: 'cannot be reached over the network',
  UND_ERR_DESTROYED: 'was closed in this process',
  UND_ERR_CLOSED: 'was closed in this process',
  UND_ERR_ABORTED: 'cannot be reached through the proxy',
  UND_ERR_PRX_CONN: 'cannot be reached through the proxy',
  UND_ERR_PRX_TLS: 'cannot be reached through the proxy',
  UND_ERR_HEADERS_OVERFLOW: 'sent headers that are too long',
};

/**
 * The codes of connections that could not be opened. The cause may be on this machine. With any other code the server
 * was reachable, and may have failed only for this request.
 */
const unconnected = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'ETIMEDOUT',
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_ABORTED',
  'UND_ERR_PRX_CONN',
  'UND_ERR_PRX_TLS',
]);

const tlsCode =
  /^(?:ERR_TLS_|ERR_SSL_|EPROTO$|CERT_|CRL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE)/;

const permanent = new Set(['UND_ERR_DESTROYED', 'UND_ERR_CLOSED', 'UND_ERR_HEADERS_OVERFLOW']);

export interface NetworkErrorContext {
  readonly upstream: UpstreamIdentity;
  /** The URL of the request. */
  readonly url: URL;
  readonly signal: AbortSignal;
}

/** The `detail` of network errors. */
interface NetworkErrorDetail {
  readonly upstream: string;
  readonly host: string;
}

/** Reports whether the connection to the upstream's own registry failed. */
export function isConnectFailure({ url }: UpstreamIdentity, { detail, isLocal }: CacheError): boolean {
  const { host } = (detail ?? {}) as Partial<NetworkErrorDetail>;
  return isLocal && host === url.host;
}

/**
 * Returns the signal's reason if the signal has fired. A CacheError is returned unchanged, and other errors become
 * `upstream-timeout` or `upstream-unreachable`.
 */
export function toNetworkError(error: unknown, { upstream, url, signal }: NetworkErrorContext): unknown {
  if (signal.aborted) return signal.reason;
  if (isCacheError(error)) return error;
  const code = codeOf(error);
  const server = nameUpstream(upstream, url.host);
  const timeout = timeouts[code];
  const isTls = tlsCode.test(code);
  const detail: NetworkErrorDetail = { upstream: upstream.name, host: url.host };
  const options = { cause: error, detail, isLocal: isTls || unconnected.has(code) };
  if (timeout !== undefined)
    return new CacheError('upstream-timeout', `${server} ${timeout}.`, { ...options, retryable: true });
  if (isTls) return new CacheError('upstream-unreachable', `${server} cannot be reached over TLS (${code}).`, options);
  if (error instanceof Error && error.name === 'HTTPParserError')
    return new CacheError('upstream-unreachable', `${server} sent an answer that is not HTTP/1.1.`, options);
  return new CacheError('upstream-unreachable', `${server} ${failures[code] ?? `cannot be reached (${code})`}.`, {
    ...options,
    retryable: !permanent.has(code),
  });
}

function codeOf(error: unknown): string {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : 'unknown error';
}
