// GET and HEAD /v2/<name>/blobs/<digest>, whole or in ranges, as in the OCI distribution specification, "Pulling blobs". HEAD
// reads no bytes of the blob.
import { randomBytes } from 'node:crypto';
import { type ByteRange, type Digest, formatContentRange, multipartByteranges } from '@cistern/oci';
import type { AuthorizedRepository, BlobRequest, BlobStream, OpenedBlob } from '@cistern/pull-through';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { clientSignal, waitForUpstream } from './wait-for-upstream.ts';
import { type AnswerHeaders, blobMediaType, setCacheResult, validatorHeaders } from '../http/answer.ts';
import { ifNoneMatch, hasRange, requestedRanges } from '../http/request-fields.ts';
import { openMultipartStream } from './multipart-stream.ts';
import { sendBlob } from './send-blob.ts';
import type { V2Dependencies } from './v2-dependencies.ts';

/** Responds synchronously if the content is in memory. */
export function answerBlob(
  dependencies: V2Dependencies,
  target: AuthorizedRepository,
  { digest }: { readonly digest: Digest },
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply | Promise<FastifyReply | undefined> {
  const { headers, method, record } = request;
  const { pullThrough, waiting } = dependencies;
  record.facts.reference = digest;
  const unmodified = ifNoneMatch(headers['if-none-match'], digest);
  const intent = method === 'HEAD' || unmodified ? 'stat' : hasRange(headers, digest) ? 'ranges' : 'whole';
  const wanted = { target, digest, intent } as const;
  const known = intent === 'whole' ? pullThrough.blobFromMemory(wanted) : undefined;
  if (known === undefined)
    return waitForUpstream(waiting, request, reply, () => openAndSend(dependencies, wanted, unmodified, reply));
  setCacheResult(reply, known.cache);
  return reply.headers(validatorHeaders(digest)).headers(wholeHeaders(known.size)).send(known.bytes);
}

async function openAndSend(
  dependencies: V2Dependencies,
  wanted: BlobRequest,
  unmodified: boolean,
  reply: FastifyReply,
): Promise<FastifyReply | undefined> {
  const { request } = reply;
  const { headers, method } = request;
  const { user = '', clientIp } = request.record.facts;
  const { digest } = wanted;
  const blob = await dependencies.pullThrough.openBlob({
    ...wanted,
    client: `${user} ${clientIp}`,
    signal: clientSignal(reply),
  });
  setCacheResult(reply, blob.cache);
  reply.headers(validatorHeaders(digest));
  if (unmodified) return reply.code(304).send();
  if (method === 'HEAD') return reply.headers(wholeHeaders(blob.size)).send();
  const ranges = requestedRanges(headers, digest, blob.size);
  const location = mayRedirect(dependencies, request, ranges) ? await blob.locate?.() : undefined;
  if (location !== undefined) return sendToStore(dependencies, reply, location);
  reply.headers(wholeHeaders(blob.size));
  const { stream, length } = await openBody(blob, ranges, reply);
  setCacheResult(reply, stream.cache);
  await sendBlob(reply, { stream, length, stallMs: dependencies.clientStallMs });
  return undefined;
}

function wholeHeaders(size: number): AnswerHeaders {
  return { 'content-type': blobMediaType, 'content-length': String(size), 'accept-ranges': 'bytes' };
}

/**
 * Returns whether the client can be redirected to the store, where it repeats its `Range` and `If-Range`. A request with several
 * ranges is not redirected, because few stores support several. A request with `If-Range` is not redirected, because the store
 * has another entity tag for the blob.
 */
function mayRedirect(
  { skipsRedirect }: V2Dependencies,
  { headers, ip }: FastifyRequest,
  ranges: readonly ByteRange[] | undefined,
): boolean {
  return (ranges?.length ?? 0) <= 1 && headers['if-range'] === undefined && !skipsRedirect(ip);
}

/**
 * Redirects to a signed URL. The URL is neither cached nor logged, because it is valid for a short time and grants access without
 * credentials.
 */
function sendToStore({ metrics }: V2Dependencies, reply: FastifyReply, location: string): FastifyReply {
  reply.request.record.facts.redirected = true;
  metrics.redirects.inc();
  return reply.code(307).headers({ location, 'cache-control': 'no-store' }).send();
}

interface Body {
  readonly stream: BlobStream;
  readonly length: number;
}

async function openBody(
  blob: OpenedBlob,
  ranges: readonly ByteRange[] | undefined,
  reply: FastifyReply,
): Promise<Body> {
  const [range] = ranges ?? [];
  if (ranges === undefined || range === undefined) return { stream: await blob.read(), length: blob.size };
  if (ranges.length > 1) return openParts(blob, ranges, reply);
  const length = range.end - range.start + 1;
  const stream = await blob.read(range);
  reply.code(206).headers({ 'content-range': formatContentRange(range, blob.size), 'content-length': String(length) });
  return { stream, length };
}

async function openParts(blob: OpenedBlob, ranges: readonly ByteRange[], reply: FastifyReply): Promise<Body> {
  const frame = multipartByteranges(ranges, blob.size, blobMediaType, randomBytes(16).toString('hex'));
  const stream = await openMultipartStream(blob, frame);
  reply.code(206).headers({ 'content-type': frame.contentType, 'content-length': String(frame.contentLength) });
  return { stream, length: frame.contentLength };
}
