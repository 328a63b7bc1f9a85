// An S3 server for blobs larger than any disk. It checks each part of a generated blob and keeps only the part's
// number. Once an upload is complete, the server generates the object's bytes. It stores small objects and accepts
// every signature.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { buffer, text } from 'node:stream/consumers';
import { completed, error, initiated, listedParts, listedUploads, listing, noneRemoved } from './answers.ts';
import type { Objects, ReceivedBody, Upload } from './objects.ts';

export interface Counts {
  /** The number of parts with right bytes. */
  parts: number;
  partBytes: number;
  /** Bytes of objects that clients have read. */
  readBytes: number;
  /** One line for each wrong body, and for each upload that was completed too early. */
  readonly faults: string[];
}

interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly key: string;
  readonly query: URLSearchParams;
}

/** Rejects when a connection ends early. */
export async function serveGeneratingS3(
  held: Objects,
  counts: Counts,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname, searchParams: query } = new URL(request.url ?? '', 'http://host');
  const [, , ...path] = pathname.split('/');
  const call = { request, response, key: decodeURIComponent(path.join('/')), query };
  const id = query.get('uploadId');
  if (call.key === '') return answerBucket(held, call);
  if (id !== null) {
    const upload = held.uploads.get(id);
    return upload === undefined ? refuse(call, 404, 'NoSuchUpload', id) : answerUpload(held, counts, call, upload);
  }
  if (query.has('uploads')) return send(response, 200, initiated(held.begin(call.key).id));
  if (request.method === 'PUT') return putWhole(held, counts, call);
  if (request.method === 'DELETE') {
    held.objects.delete(call.key);
    return void response.writeHead(204).end();
  }
  return read(held, counts, call);
}

async function answerBucket(held: Objects, { request, response, query }: Call): Promise<void> {
  const body = await text(request);
  const prefix = query.get('prefix') ?? '';
  if (request.method === 'PUT' || request.method === 'HEAD') return void response.end();
  if (query.has('lifecycle')) return send(response, 404, error('NoSuchLifecycleConfiguration', 'none'));
  if (query.has('uploads')) return send(response, 200, listedUploads(held.uploads.values()));
  if (query.has('delete')) {
    for (const [, key = ''] of body.matchAll(/<Key>([^<]+)<\/Key>/g)) held.objects.delete(key);
    return send(response, 200, noneRemoved);
  }
  return send(response, 200, listing([...held.objects].filter(([key]) => key.startsWith(prefix))));
}

async function answerUpload(held: Objects, counts: Counts, call: Call, upload: Upload): Promise<void> {
  const { request, response, query } = call;
  if (request.method === 'PUT') return putPart(held, counts, call, upload);
  await buffer(request);
  if (request.method === 'GET')
    return send(response, 200, listedParts(upload, Number(query.get('part-number-marker') ?? 0)));
  if (request.method === 'DELETE') {
    held.uploads.delete(upload.id);
    return void response.writeHead(204).end();
  }
  const fault = held.complete(upload);
  return fault === undefined ? send(response, 200, completed) : blame(counts, call, fault);
}

async function putPart(held: Objects, counts: Counts, call: Call, upload: Upload): Promise<void> {
  const { request, response, query } = call;
  const number = Number(query.get('partNumber'));
  const received = held.receivePart(upload, number);
  const { size, fault } = await receive(request, received);
  if (fault !== undefined) return blame(counts, call, fault);
  // A part that overwrites another one gets a new tag.
  const etag = randomUUID();
  upload.parts.set(number, { size, etag });
  counts.parts += 1;
  counts.partBytes += size;
  response.writeHead(200, { etag: `"${etag}"` }).end();
}

async function putWhole(held: Objects, counts: Counts, call: Call): Promise<void> {
  const { request, response, key } = call;
  const received = held.receiveWhole(key);
  const chunks: Buffer[] = [];
  const { fault } = await receive(request, received, chunks);
  if (fault !== undefined) return blame(counts, call, fault);
  held.put(key, Buffer.concat(chunks));
  response.writeHead(200, { etag: '"e"' }).end();
}

/** `kept` gets the chunks. */
async function receive(request: IncomingMessage, received: ReceivedBody, kept?: Buffer[]) {
  const size = Number(request.headers['content-length']);
  for await (const chunk of request as AsyncIterable<Buffer>) {
    received.take(chunk);
    kept?.push(chunk);
  }
  const { 'x-amz-content-sha256': signed } = request.headers;
  const hex = typeof signed === 'string' && /^[0-9a-f]{64}$/.test(signed) ? signed : undefined;
  return { size, fault: received.end(size, hex) };
}

async function read(held: Objects, counts: Counts, call: Call): Promise<void> {
  const { request, response, key } = call;
  const object = held.objects.get(key);
  if (object === undefined) return refuse(call, 404, 'NoSuchKey', key);
  const { size, modifiedAt } = object;
  const [found, first = '0', last = ''] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
  const start = Number(first);
  const endExclusive = last === '' ? size : Math.min(size, Number(last) + 1);
  if (found !== undefined && start >= size) return refuse(call, 416, 'InvalidRange', key);
  response.writeHead(found === undefined ? 200 : 206, {
    'content-length': endExclusive - start,
    'last-modified': modifiedAt.toUTCString(),
    etag: '"e"',
    ...(found !== undefined && { 'content-range': `bytes ${start}-${endExclusive - 1}/${size}` }),
  });
  if (request.method === 'HEAD') return void response.end();
  const bytes = function* bytes() {
    for (const chunk of object.read(start, endExclusive)) {
      counts.readBytes += chunk.length;
      yield chunk;
    }
  };
  await pipeline(Readable.from(bytes(), { objectMode: false }), response);
}

function send(response: ServerResponse, status: number, body: string): void {
  response
    .writeHead(status, { 'content-type': 'application/xml', 'content-length': Buffer.byteLength(body) })
    .end(body);
}

function refuse({ request, response }: Call, status: number, code: string, message: string): void {
  // An answer to HEAD has no body.
  if (request.method === 'HEAD') return void response.writeHead(status).end();
  request.resume();
  send(response, status, error(code, message));
}

function blame(counts: Counts, call: Call, fault: string): void {
  counts.faults.push(`${call.request.method} ${call.request.url}: ${fault}`);
  refuse(call, 400, 'BadDigest', fault);
}
