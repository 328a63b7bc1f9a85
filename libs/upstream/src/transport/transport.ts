// What every layer of the stack passes on: one HTTP exchange with an upstream, its token server or its storage.
import type { Readable } from 'node:stream';
import type { RepositoryName } from '@cistern/oci';
import type { UpstreamOperation } from '@cistern/telemetry';
import type { CallPurpose } from '../upstream.ts';

export interface TransportRequest {
  readonly operation: UpstreamOperation;
  /** Never changed by any layer, redirects included. */
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly url: URL;
  /** The URL comes from a redirect. */
  readonly isRedirected?: boolean;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The request ends when this fires, with the signal's reason, and so does the body of its response. */
  readonly signal: AbortSignal;
  /** Of a POST. */
  readonly body?: string | undefined;
  /** Whose `pull` scope a token must have; without it no token is asked for. */
  readonly repository?: RepositoryName;
  /** Bodies are read whole, up to this size; `undefined`: the body of a 2xx answer stays a stream. */
  readonly maxBodyBytes: number | undefined;
  /** Default `cold`. */
  readonly purpose?: CallPurpose | undefined;
}

/** Names in lower case. */
export type TransportHeaders = Readonly<Record<string, string | string[] | undefined>>;

export interface TransportResponse {
  readonly status: number;
  readonly headers: TransportHeaders;
  /** Who answered, after redirects. */
  readonly url: URL;
  /** Whoever receives the response reads it to its end or destroys it; already read where `bytes` is set. */
  readonly body: Readable;
  readonly bytes?: Buffer;
}

/** Rejects with a CacheError, or with the signal's reason. */
export type Transport = (request: TransportRequest) => Promise<TransportResponse>;

export type TransportLayer = (next: Transport) => Transport;

/** Several fields of one name are one list, as in RFC 9110 section 5.3. */
export function headerValue(headers: TransportHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** Lets go of a body that nobody wants, and of its connection. */
export function dropBody(body: Readable): void {
  // Undici's bodies report their own destruction as an error.
  body.on('error', () => {}).destroy();
}
