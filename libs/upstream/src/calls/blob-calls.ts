// Blobs: their size, and their bytes as a body that survives the breaks of its connection.
import { setTimeout as pause } from 'node:timers/promises';
import type { Readable } from 'node:stream';
import { CacheError, isCacheError } from '@cistern/errors';
import { type ByteRange, type Digest, parseContentRange, type RepositoryName } from '@cistern/oci';
import type { UpstreamMetrics } from '@cistern/telemetry';
import { toNetworkError } from '../transport/network-error.ts';
import {
  contentLength,
  dropBody,
  headerValue,
  nameUpstream,
  type TransportHeaders,
  type TransportResponse,
} from '../transport/transport.ts';
import type { Upstream, UpstreamBlobBody } from '../upstream.ts';
import {
  type CallContext,
  contradiction,
  endpoint,
  fetchDocument,
  type Lifetime,
  startCall,
  toResponseError,
} from './call.ts';

export interface BlobCallContext extends CallContext {
  readonly metrics: UpstreamMetrics;
  readonly countBytes: (bytes: number) => void;
}

export function createBlobCalls(context: BlobCallContext): Pick<Upstream, 'headBlob' | 'getBlob'> {
  return {
    async headBlob(repository, digest, options) {
      const { headers } = await fetchDocument(context, {
        operation: 'head-blob',
        method: 'HEAD',
        url: endpoint(context, repository, `blobs/${digest}`),
        repository,
        options,
        subject: `the blob ${digest} of ${repository}`,
        unknown: 'blob-unknown',
      });
      return contentLength(headers);
    },
    async getBlob(repository, digest, { signal, from = 0, toExclusive } = {}) {
      const subject = `the blob ${digest} of ${repository}`;
      const lifetime = startCall(context, signal, subject);
      const request = { repository, digest, subject, from, toExclusive };
      try {
        const opened = await openInTime(context, lifetime, request);
        return toBody(context, lifetime, request, opened);
      } catch (error) {
        lifetime.release();
        throw error;
      }
    },
  };
}

interface BlobRequest {
  readonly repository: RepositoryName;
  readonly digest: Digest;
  /** For messages. */
  readonly subject: string;
  readonly from: number;
  /** `undefined`: to the end. */
  readonly toExclusive: number | undefined;
  /** What an earlier answer said of the same blob, when its body broke. */
  readonly resumeOf?: Pick<OpenedBlob, 'etag' | 'totalSize'>;
}

interface Span {
  readonly start: number;
  /** `undefined`: the body ends where the connection says so. */
  readonly endExclusive: number | undefined;
  readonly totalSize: number | undefined;
}

interface OpenedBlob extends Span {
  readonly stream: Readable;
  /** A strong one, else `undefined`. */
  readonly etag: string | undefined;
  /** Who sends the body. */
  readonly url: URL;
}

async function openInTime(context: CallContext, lifetime: Lifetime, request: BlobRequest): Promise<OpenedBlob> {
  lifetime.setDeadline(context.deadlineMs);
  try {
    return await openBlob(context, request, lifetime.signal);
  } finally {
    lifetime.clearDeadline();
  }
}

/** The bytes of a blob, whole or from an offset. Checks that upstream gave what was asked for. */
async function openBlob(context: CallContext, request: BlobRequest, signal: AbortSignal): Promise<OpenedBlob> {
  const { repository, digest, subject, from, toExclusive, resumeOf } = request;
  const ranged = from > 0 || toExclusive !== undefined;
  const send = (etag?: string): Promise<TransportResponse> =>
    context.transport({
      operation: 'get-blob',
      method: 'GET',
      url: endpoint(context, repository, `blobs/${digest}`),
      repository,
      headers: {
        accept: '*/*',
        ...(ranged && { range: `bytes=${from}-${toExclusive === undefined ? '' : toExclusive - 1}` }),
        ...(etag !== undefined && { 'if-match': etag }),
      },
      signal,
      maxBodyBytes: undefined,
    });
  let response = await send(resumeOf?.etag);
  // The blob is named by its digest, so another entity tag only means that another server holds it.
  if (response.status === 412 && resumeOf?.etag !== undefined) response = await send();
  if (response.status >= 300) throw toResponseError(context, response, { subject, unknown: 'blob-unknown' });
  const { headers, url, body } = response;
  try {
    const span = ranged ? rangeSpan(context, response, request) : wholeSpan(context, response, subject);
    return { ...span, stream: body, etag: strongEtag(headers), url };
  } catch (error) {
    dropBody(body);
    throw error;
  }
}

function wholeSpan(context: CallContext, { status, headers }: TransportResponse, subject: string): Span {
  if (status !== 200) throw contradiction(context, `answered ${status} when asked for the whole of ${subject}`);
  const totalSize = contentLength(headers);
  return { start: 0, endExclusive: totalSize, totalSize };
}

function rangeSpan(context: CallContext, { status, headers, url }: TransportResponse, request: BlobRequest): Span {
  const { from, toExclusive, resumeOf, subject } = request;
  const sent = status === 206 ? parseContentRange(headerValue(headers, 'content-range')?.trim()) : undefined;
  const totalSize = sent?.size;
  if (sent?.range === undefined || sent.range.start !== from || !endsAsWanted(sent.range, totalSize, toExclusive))
    throw new CacheError(
      resumeOf === undefined ? 'unsupported' : 'upstream-unreachable',
      `${nameUpstream(context.upstream, url.host)} does not answer range requests for ${subject}.`,
      { detail: { upstream: context.upstream.name, status } },
    );
  const known = resumeOf?.totalSize;
  if (known !== undefined && totalSize !== undefined && totalSize !== known)
    throw contradiction(context, `said first ${known} and then ${totalSize} bytes for the size of ${subject}`);
  return { start: from, endExclusive: sent.range.end + 1, totalSize };
}

function endsAsWanted({ end }: ByteRange, totalSize: number | undefined, toExclusive: number | undefined): boolean {
  const atEnd = end + 1 === totalSize;
  if (toExclusive === undefined) return totalSize === undefined || atEnd;
  return end + 1 === toExclusive || (end + 1 < toExclusive && atEnd);
}

/** Weak tags compare content by meaning, not by bytes (RFC 9110 section 8.8.1). */
function strongEtag(headers: TransportHeaders): string | undefined {
  const etag = headerValue(headers, 'etag')?.trim() ?? '';
  return /^"[\x21\x23-\x7e\x80-\xff]*"$/.test(etag) ? etag : undefined;
}

function toBody(
  context: BlobCallContext,
  lifetime: Lifetime,
  request: BlobRequest,
  opened: OpenedBlob,
): UpstreamBlobBody {
  const { start, totalSize } = opened;
  const bytes = readResumably(context, lifetime, request, opened);
  const close = (): void => {
    const message = `The body from ${nameUpstream(context.upstream)} was closed by its reader.`;
    lifetime.abort(new DOMException(message, 'AbortError'));
    lifetime.release();
  };
  // As the generator itself, but ended early it lets go of the connection even if it was never begun.
  const iterator: AsyncIterator<Buffer, void> = {
    async next() {
      try {
        const result = await bytes.next();
        if (result.done === true) lifetime.release();
        return result;
      } catch (error) {
        lifetime.release();
        throw error;
      }
    },
    async return() {
      close();
      await bytes.return();
      return { done: true, value: undefined };
    },
  };
  return { start, totalSize, body: { [Symbol.asyncIterator]: () => iterator }, close };
}

/** Attempts without a single new byte before giving up, and attempts over the whole body. */
const maxFruitlessResumes = 3;
const maxResumes = 50;
const firstPauseMs = 100;

/**
 * One sequence of bytes, whatever breaks. Ends only at the end of what was opened; otherwise throws a CacheError or the
 * signal's reason, which also destroys the streams. At most one chunk is held.
 */
async function* readResumably(
  context: BlobCallContext,
  lifetime: Lifetime,
  request: BlobRequest,
  opened: OpenedBlob,
): AsyncGenerator<Buffer, void, undefined> {
  const { upstream, metrics, countBytes } = context;
  const { signal } = lifetime;
  const { start, etag } = opened;
  let { stream, endExclusive, totalSize, url } = opened;
  let offset = start;
  let fruitless = 0;
  for (let resumes = 0; ; resumes += 1) {
    let cause: unknown = new Error('The body ended too early.');
    try {
      // Leaving this loop, by `return` on the generator too, destroys the stream.
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        if (endExclusive !== undefined && offset + chunk.length > endExclusive) {
          const message = `sent more than the ${endExclusive - start} bytes it had announced for ${request.subject}`;
          throw contradiction(context, message);
        }
        offset += chunk.length;
        fruitless = 0;
        countBytes(chunk.length);
        yield chunk;
      }
      if (endExclusive === undefined || offset === endExclusive) return;
    } catch (error) {
      if (isCacheError(error)) throw error;
      cause = error;
    }
    // Nothing is missing: the connection broke after the last byte.
    if (offset === endExclusive) return;

    for (let reopened = false; !reopened; fruitless += 1) {
      signal.throwIfAborted();
      if (fruitless >= maxFruitlessResumes || resumes >= maxResumes)
        throw atOffset(toNetworkError(cause, { upstream, url, signal }), offset);
      if (fruitless > 0) await pauseBefore(fruitless, signal);
      try {
        const resumed = await openInTime(context, lifetime, {
          ...request,
          from: offset,
          resumeOf: { etag, totalSize },
        });
        if (opened.endExclusive !== undefined && resumed.endExclusive !== opened.endExclusive) {
          dropBody(resumed.stream);
          throw contradiction(context, `resumed ${request.subject} with another end`);
        }
        ({ stream, endExclusive, url, totalSize = totalSize } = resumed);
        reopened = true;
        metrics.upstreamResumes.inc({ upstream: upstream.name });
      } catch (error) {
        if (!isCacheError(error, 'upstream-unreachable', 'upstream-timeout') || !error.retryable) throw error;
        cause = error;
      }
    }
  }
}

async function pauseBefore(fruitless: number, signal: AbortSignal): Promise<void> {
  const longest = firstPauseMs * 2 ** fruitless;
  try {
    await pause(longest / 2 + (Math.random() * longest) / 2, undefined, { signal });
  } catch {
    signal.throwIfAborted();
  }
}

function atOffset(error: unknown, offset: number): unknown {
  if (!(error instanceof CacheError)) return error;
  const { kind, message, detail, retryable, retryAfterMs, cause } = error;
  return new CacheError(kind, `${message} The body broke at byte ${offset} and could not be resumed.`, {
    detail,
    retryable,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    cause,
  });
}
