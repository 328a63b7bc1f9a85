// The head of an HTTP/1.1 answer, for connections that read bodies without Node's HTTP client: see `body-connection.ts`.
import type { IncomingHttpHeaders } from 'node:http';
import { S3TransportError } from './s3-transport-error.ts';

export interface ResponseHead {
  readonly statusCode: number;
  readonly headers: IncomingHttpHeaders;
  /** Of the body, in bytes; `undefined` if that is told in any way but by one `Content-Length`. */
  readonly length: number | undefined;
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
  const { 'content-length': length = '', 'transfer-encoding': encoding, connection = '' } = headers;
  const isClosed = /(?:^|,)\s*close\s*(?:,|$)/i.test(connection);
  return {
    statusCode: Number(status),
    headers,
    length: encoding === undefined && /^\d{1,15}$/.test(length) ? Number(length) : undefined,
    keepsAlive: version === '1' && !isClosed,
  };
}

function notHttp(): S3TransportError {
  return new S3TransportError('NOT_HTTP', 'the answer is not one of HTTP/1.1');
}
