// Parses the head of an HTTP/1.1 response, for connections that read bodies without Node's HTTP client: see `body-connection.ts`.
// Also defines the errors of such connections.
import type { IncomingHttpHeaders } from 'node:http';

export interface ResponseHead {
  readonly statusCode: number;
  readonly headers: IncomingHttpHeaders;
  /** Size of the body in bytes, from a single `Content-Length`. `undefined` means that it is given in any other way. */
  readonly length: number | undefined;
  /** The body continues to the end of the connection, and its size is unknown. */
  readonly isUnbounded: boolean;
  /** Whether another request may follow on the same connection. */
  readonly keepsAlive: boolean;
}

const statusLine = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: |$)/;
const headerLine = /^([!#$%&'*+.^_`|~\dA-Za-z-]+):[ \t]*([^\0]*?)[ \t]*$/;

/** Parses a head as in RFC 9112. `text` is everything before the empty line. Throws `NOT_HTTP` if it is not such a head. */
export function parseResponseHead(text: string): ResponseHead {
  const [first = '', ...lines] = text.split('\r\n');
  const [, version, status] = statusLine.exec(first) ?? [];
  if (status === undefined) throw notHttp();
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const [, name, value] = headerLine.exec(line) ?? [];
    if (name === undefined || value === undefined) throw notHttp();
    const key = name.toLowerCase();
    // Two different lengths could smuggle a response. Two equal ones are treated the same way: the length is unknown.
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

/** A server did something other than respond. `code` has the form of system errors. */
export class BodyError extends Error {
  override readonly name = 'BodyError';
  readonly code: 'SILENT' | 'NOT_HTTP';

  constructor(code: BodyError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** The error of a response whose connection has ended, cleanly or not. */
export function endedEarly(): Error {
  return Object.assign(new Error('the response ended early'), { code: 'ECONNRESET' });
}
