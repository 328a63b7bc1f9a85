// Builds the status line and the headers of responses from memory as text. Most of it is the same in each response for the same
// content, so only three headers are added per response.
import type { ServerResponse } from 'node:http';
import type { Digest } from '@cistern/oci';
import { ageSeconds, type AnswerHeaders, validatorHeaders } from '../http/answer.ts';

interface HeadFacts {
  readonly upstream: string;
  readonly digest: Digest;
  readonly mediaType: string;
  /** Bytes of the body. */
  readonly size: number;
  readonly operation: 'manifest' | 'blob';
}

export interface ResponseHeads {
  /** Returns the constant part. Throws if a header is not valid in HTTP. */
  constantPart(facts: HeadFacts): string;
  /** Returns the whole head. `ageMs` is unset for content that never changes. */
  whole(constantPart: string, requestId: string, ageMs: number | undefined): string;
}

/** `common` are the headers of every response. `keepAliveMs` is how long the server keeps an idle connection. */
export function createResponseHeads(common: AnswerHeaders, keepAliveMs: number): ResponseHeads {
  const first = `HTTP/1.1 200 OK\r\n${linesOf(common)}`;
  const last = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(keepAliveMs / 1000)}\r\n\r\n`;
  const dateLine = createDateLine();
  return {
    constantPart: ({ upstream, digest, mediaType, size, operation }) =>
      first +
      linesOf({
        'x-cistern-upstream': upstream,
        'x-cache': 'HIT',
        ...validatorHeaders(digest),
        'content-type': mediaType,
        'content-length': String(size),
        ...(operation === 'blob' && { 'accept-ranges': 'bytes' }),
      }),
    whole(constantPart, requestId, ageMs) {
      const age = ageMs === undefined ? '' : `age: ${ageSeconds(ageMs)}\r\n`;
      return `${constantPart}${age}x-request-id: ${requestId}\r\n${dateLine()}${last}`;
    },
  };
}

/**
 * Sends a head of `ResponseHeads` and a body. In a body that is a string, each character is a byte. Node.js builds the head from
 * headers in `_header`, and sends what is there with the first bytes of the body. To set it directly is not a documented
 * interface, so the tests compare these responses with others.
 */
export function sendHead(response: ServerResponse, head: string, body: Buffer | string | undefined): void {
  (response as unknown as { _header: string })._header = head;
  response.end(body, 'latin1');
}

// An import of names from `node:http` would load the client behind `fetch`.
const { validateHeaderName, validateHeaderValue } = process.getBuiltinModule('node:http');

function linesOf(headers: AnswerHeaders): string {
  const lines = Object.entries(headers).flatMap(([name, values]) => {
    validateHeaderName(name);
    return [values].flat().map((value) => {
      validateHeaderValue(name, value);
      return `${name}: ${value}\r\n`;
    });
  });
  return lines.join('');
}

/** Returns a function that formats the header `Date`, which changes once per second. */
function createDateLine(): () => string {
  let second = Number.NaN;
  let line = '';
  return () => {
    const nowSecond = Math.floor(Date.now() / 1000);
    if (nowSecond !== second) {
      second = nowSecond;
      line = `Date: ${new Date(second * 1000).toUTCString()}\r\n`;
    }
    return line;
  };
}
