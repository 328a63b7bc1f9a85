// Parses the head of an HTTP/1.1 response, for connections that read bodies without Node's HTTP client: see `body-connection.ts`.
// Also defines the errors of such connections.
import type { IncomingHttpHeaders } from 'node:http';

export interface ResponseHead {
  readonly statusCode: number;
  readonly headers: IncomingHttpHeaders;
  /**
   * Size of the body in bytes, from a single `Content-Length`. `undefined` means that the size is unknown or given in another
   * way.
   */
  readonly length: number | undefined;
  /** True if the body ends only with the connection, so that its size is unknown. */
  readonly isUnbounded: boolean;
  /** True if another request may follow on the same connection. */
  readonly keepsAlive: boolean;
}

const statusLine = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: |$)/;
const headerLine = /^([!#$%&'*+.^_`|~\dA-Za-z-]+):[ \t]*([^\0]*?)[ \t]*$/;

/**
 * Parses a response head by RFC 9112. `text` is everything before the empty line. Throws a `BodyError` with the code `NOT_HTTP`
 * if the head is not valid.
 */
export function parseResponseHead(text: string): ResponseHead {
  const [first = '', ...lines] = text.split('\r\n');
  const [, version, status] = statusLine.exec(first) ?? [];
  if (status === undefined) throw notHttp();
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const [, name, value] = headerLine.exec(line) ?? [];
    if (name === undefined || value === undefined) throw notHttp();
    const key = name.toLowerCase();
    // If there are several `Content-Length` headers, the length counts as unknown. Different values could otherwise be used for
    // response smuggling.
    headers[key] = headers[key] === undefined ? value : `${headers[key]}, ${value}`;
  }
  const { 'content-length': length, 'transfer-encoding': encoding, connection = '' } = headers;
  const isClosed = /(?:^|,)\s*close\s*(?:,|$)/i.test(connection);
  const keepsAlive = version === '1' && !isClosed;
  return {
    statusCode: Number(status),
    headers,
    length: encoding === undefined && /^\d{1,15}$/.test(length ?? '') ? Number(length) : undefined,
    isUnbounded: encoding === undefined && length === undefined && !keepsAlive,
    keepsAlive,
  };
}

function notHttp(): BodyError {
  return new BodyError('NOT_HTTP', 'the response is not valid HTTP/1.1');
}

/** The error if an HTTP server is silent or sends an invalid response. `code` has the form of Node's system error codes. */
export class BodyError extends Error {
  override readonly name = 'BodyError';
  readonly code: 'SILENT' | 'NOT_HTTP';

  constructor(code: BodyError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** Creates the error for a response whose connection has ended too early, with or without a TCP error. */
export function endedEarly(): Error {
  return Object.assign(new Error('the response ended early'), { code: 'ECONNRESET' });
}
