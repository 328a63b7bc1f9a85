// Responses of the simulated S3 server as values, and its errors in one table.

export interface S3Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** A response to HEAD does not send the body, but its headers contain the length of the body. */
  readonly body: Buffer;
}

const statuses = {
  AccessDenied: 403,
  BucketAlreadyOwnedByYou: 409,
  EntityTooSmall: 400,
  IncompleteBody: 400,
  InternalError: 500,
  InvalidArgument: 400,
  InvalidPart: 400,
  InvalidPartOrder: 400,
  InvalidRange: 416,
  MalformedXML: 400,
  MissingContentLength: 411,
  NoSuchBucket: 404,
  NoSuchKey: 404,
  NoSuchLifecycleConfiguration: 404,
  NoSuchUpload: 404,
  NotImplemented: 501,
  SlowDown: 503,
  XAmzContentSHA256Mismatch: 400,
} as const;

export type S3ErrorCode = keyof typeof statuses;

const none = Buffer.alloc(0);

export function emptyAnswer(status: number, headers: Readonly<Record<string, string>> = {}): S3Answer {
  return { status, headers, body: none };
}

export function errorAnswer(code: S3ErrorCode): S3Answer {
  return xmlAnswer(`<Error><Code>${code}</Code><Message>simulated</Message></Error>`, statuses[code]);
}

export function xmlAnswer(xml: string, status = 200): S3Answer {
  const body = Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>\n${xml}`);
  return { status, headers: { 'content-type': 'application/xml' }, body };
}

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

export function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (found) => escapes[found]!);
}

export function xmlDate(atMs: number): string {
  return new Date(atMs).toISOString();
}
