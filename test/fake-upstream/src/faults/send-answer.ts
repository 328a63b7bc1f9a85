// Sends a response with the fault's changes to its headers and its body.
import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { Answer } from '../answers/answer.ts';
import type { Fault } from './fault.ts';
import { sendBody } from './send-body.ts';

export interface SendAnswer {
  readonly response: ServerResponse;
  readonly method: string;
  readonly answer: Answer;
  readonly fault: Fault;
  readonly signal: AbortSignal;
  /** Called once the headers are sent. */
  readonly headersSent: (status: number) => void;
  readonly sent: (bytes: number) => void;
}

export async function sendAnswer({
  response,
  method,
  answer,
  fault,
  signal,
  headersSent,
  sent,
}: SendAnswer): Promise<void> {
  // real-time: a fault that delays the response on purpose
  if (fault.delayMs !== undefined) await delay(fault.delayMs, undefined, { signal });
  if (fault.gateHeaders) await fault.gate?.opened(signal);
  if (fault.resetBeforeHeaders) {
    response.socket?.resetAndDestroy();
    return;
  }
  const { status, body, start = 0, endExclusive = body.size } = answer;
  response.writeHead(status, headersOf(answer, fault));
  response.flushHeaders();
  headersSent(status);
  if (method !== 'HEAD' && status !== 304) {
    const plain = body.read(start, endExclusive);
    const chunks = fault.gzip ? compress(plain) : plain;
    if ((await sendBody({ response, chunks, fault, signal, sent })) === 'cut') return;
    const length = endExclusive - start;
    if (typeof fault.contentLength === 'number' && fault.contentLength !== length) {
      response.socket?.end();
      return;
    }
  }
  response.end();
}

function headersOf({ status, headers }: Answer, fault: Fault): Record<string, string> {
  const all: Record<string, string | null> = { ...headers };
  if (typeof fault.contentLength === 'number') all['content-length'] = String(fault.contentLength);
  if (fault.contentLength === 'absent' || fault.gzip || status === 304) delete all['content-length'];
  if (fault.gzip) all['content-encoding'] = 'gzip';
  Object.assign(all, fault.headers);
  return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== null));
}

// Creates one member per chunk. RFC 1952 section 2.2 makes their concatenation one gzip stream.
function* compress(chunks: Iterable<Buffer>): Iterable<Buffer> {
  for (const chunk of chunks) yield gzipSync(chunk, { level: 1 });
}
