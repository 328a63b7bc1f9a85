// The head of an HTTP/1.1 answer, for connections that read bodies without Node's HTTP client: see `body-connection.ts`. Also
// the errors of such connections.
import type { IncomingHttpHeaders } from 'node:http';

export interface ResponseHead {
  readonly statusCode: number;
  readonly headers: IncomingHttpHeaders;
  /** Of the body, in bytes, as one `Content-Length` says; `undefined` if it is said in any other way. */
  readonly length: number | undefined;
  /** The body goes on to the end of the connection, and nothing says where that should be. */
  readonly isUnbounded: boolean;
  /** Whether another request may follow on the same connection. */
  readonly keepsAlive: boolean;
}

const statusLine = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: |$)/;
const headerLine = /^([!#$%&'*+.^_`|~\dA-Za-z-]+):[ \t]*([^\0]*?)[ \t]*$/;

/** As in RFC 9112; `text` is all before the empty line. Throws `NOT_HTTP` for what no such head may be. */
export function parseResponseHead(text: string): ResponseHead {
  const [first = '', ...lines] = text.split('\r\n');
  const [, version, status] = statusLine.exec(first) ?? [];
  if (status === undefined) throw notHttp();
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const [, name, value] = headerLine.exec(line) ?? [];
    if (name === undefined || value === undefined) throw notHttp();
    const key = name.toLowerCase();
    // Two different lengths are a way to smuggle an answer; equal ones count as one no more than anything else does.
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
  return new BodyError('NOT_HTTP', 'the answer is not one of HTTP/1.1');
}

/** A server did something instead of an answer; `code` as system errors have one. */
export class BodyError extends Error {
  override readonly name = 'BodyError';
  readonly code: 'SILENT' | 'NOT_HTTP';

  constructor(code: BodyError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** Of an answer whose connection has ended, cleanly or not. */
export function endedEarly(): Error {
  return Object.assign(new Error('the answer ended early'), { code: 'ECONNRESET' });
}
