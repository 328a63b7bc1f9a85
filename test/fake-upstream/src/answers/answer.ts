// A response before it is sent, so that faults can modify it.
import type { OciErrorCode } from '@cistern/oci';
import { type Body, bytesBody } from '../content/body.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Not sent in the response to HEAD. */
  readonly body: Body;
  /** The part of `body` that is sent. Default: all. */
  readonly start?: number;
  readonly endExclusive?: number;
}

export function answer(status: number, headers: Readonly<Record<string, string>>, body: string | Buffer): Answer {
  const bytes = Buffer.from(body);
  return {
    status,
    headers: { 'content-length': String(bytes.length), ...headers },
    body: bytesBody(bytes),
  };
}

export function jsonAnswer(document: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  return answer(200, { 'content-type': 'application/json', ...headers }, JSON.stringify(document));
}

/** Returns an error in the format of the OCI distribution specification, "Error Codes". */
export function errorAnswer(
  status: number,
  code: OciErrorCode,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return answer(
    status,
    { 'content-type': 'application/json', ...headers },
    JSON.stringify({ errors: [{ code, message, detail: null }] }),
  );
}
