/** What a transport itself finds wrong; `code` as system errors have one. */
export class S3TransportError extends Error {
  override readonly name = 'S3TransportError';
  readonly code: 'SILENT' | 'NO_FREE_CONNECTION' | 'CLOSED' | `HTTP ${number}`;

  constructor(code: S3TransportError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Answers for which the client would throw an error without code, leave the body unread, and so lose the connection
 * (minio 8.0.7, `retryHttpCodes`).
 */
export const mishandledStatuses: ReadonlySet<number> = new Set([408, 429, 499, 500, 502, 503, 504, 520]);

export function closedError(): S3TransportError {
  return new S3TransportError('CLOSED', 'the store is closed');
}

export function noFreeConnection(timeoutMs: number): S3TransportError {
  return new S3TransportError('NO_FREE_CONNECTION', `no connection became free in ${timeoutMs} ms`);
}
