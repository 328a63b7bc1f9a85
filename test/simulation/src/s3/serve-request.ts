// Serves one request to the simulated S3 server, from its first byte to the last byte of its response, with the drawn
// fault.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ObjectFaults } from '../cluster/object-faults.ts';
import type { Random } from '../world/random.ts';
import { plan } from '../world/schedule.ts';
import { answerRequest } from './answer-request.ts';
import { parseRequest, type S3Request } from './parse-request.ts';
import { type S3Answer, errorAnswer } from './s3-answer.ts';
import type { S3Contents } from './s3-contents.ts';
import { type S3Fate, type S3Faults, drawFate } from './s3-faults.ts';

export interface ServeOptions {
  readonly contents: S3Contents;
  readonly faults: S3Faults;
  readonly objectFaults: ObjectFaults;
  readonly random: Random;
}

const workMs = 2;
const slowMs = 1_500;
const pieceBytes = 64 * 1024;

export async function serveRequest(
  request: IncomingMessage,
  response: ServerResponse,
  { contents, faults, objectFaults, random }: ServeOptions,
): Promise<void> {
  // Node would take the date from the machine's clock.
  response.sendDate = false;
  const fate = drawFate(faults, random);
  if (fate.kind === 'silent') return;
  const breaksAt = fate.kind === 'lost' ? Number(request.headers['content-length'] ?? 0) * fate.share : Infinity;
  const body = await readBody(request, breaksAt);
  if (body === undefined) return;
  await pause(random.fraction() * workMs);
  if (fate.kind === 'lost') return breakOff(response, fate);
  const refusal = fate.isRude ? 'InternalError' : 'SlowDown';
  const parsed = parseRequest(request);
  const answer =
    fate.kind === 'refused'
      ? errorAnswer(refusal)
      : isDenied(parsed, objectFaults)
        ? errorAnswer('AccessDenied')
        : answerRequest(contents, parsed, body, objectFaults.isUndeletable);
  await pause(random.fraction() * (fate.kind === 'slow' ? slowMs : workMs));
  if (fate.kind === 'unheard') return fate.isRude ? undefined : breakOff(response, fate);
  await sendAnswer(request, response, answer, fate);
}

function isDenied({ method, key }: S3Request, { isUndeletable, isUnreadable }: ObjectFaults): boolean {
  return key !== '' && ((method === 'DELETE' && isUndeletable(key)) || (method === 'GET' && isUnreadable(key)));
}

/**
 * Reads the body. Breaks the connection after `breaksAt` bytes. Resolves to `undefined` if the connection broke before
 * the end of the body.
 */
async function readBody(request: IncomingMessage, breaksAt: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= breaksAt) request.socket.resetAndDestroy();
    }
  } catch {
    return undefined;
  }
  return Buffer.concat(chunks);
}

async function sendAnswer(
  { method }: IncomingMessage,
  response: ServerResponse,
  { status, headers, body }: S3Answer,
  fate: S3Fate,
): Promise<void> {
  if (fate.kind === 'torn' && (fate.isRude || method === 'HEAD' || body.length === 0)) {
    response.socket?.write('HTTP/1.1 200 OK\r\nContent-Le');
    return breakOff(response, fate);
  }
  response.writeHead(status, { ...headers, ...(status !== 204 && { 'content-length': body.length }) });
  const end = fate.kind === 'torn' ? Math.floor(body.length * fate.share) : body.length;
  if (method === 'HEAD') return void response.end();
  response.flushHeaders();
  for (let at = 0; at < end; at += pieceBytes) {
    if (at > 0 && fate.kind === 'slow') await pause(fate.share * slowMs);
    if (response.destroyed) return;
    // Resolves when the connection has taken the piece. Never resolves if the connection has broken.
    await new Promise<void>((resolve) => {
      response.write(body.subarray(at, Math.min(end, at + pieceBytes)), () => resolve());
    });
  }
  if (fate.kind === 'torn') breakOff(response, fate);
  else response.end();
}

/** Breaks off with a reset, or closes the connection normally. */
function breakOff({ socket }: ServerResponse, { share }: S3Fate): void {
  if (share < 0.5) socket?.resetAndDestroy();
  else socket?.destroy();
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => plan(delayMs, resolve, { label: 's3' }));
}
