// Makes one GET of a blob, whole or from an offset, and checks that the upstream sent the requested bytes.
import type { Readable } from 'node:stream';
import { CacheError } from '@cistern/errors';
import { type ByteRange, type Digest, parseContentRange, type RepositoryName } from '@cistern/oci';
import { contentLength, dropBody, headerValue, nameUpstream, type TransportResponse } from '../transport/transport.ts';
import { type CallContext, contradiction, endpoint, toResponseError } from './call.ts';

export interface BlobRequest {
  readonly repository: RepositoryName;
  readonly digest: Digest;
  /** The name of the blob in messages. */
  readonly subject: string;
  readonly from: number;
  /** `undefined` means the end of the blob. */
  readonly toExclusive: number | undefined;
  /** The earlier response for the same blob, if its body broke. Unset for a first request. */
  readonly resumeOf?: Pick<OpenedBlob, 'totalSize'>;
  readonly ranges: RangeMemory;
}

/** Remembers whether one registry supports ranges. */
export interface RangeMemory {
  /**
   * Until this time no ranges are requested, because the registry answered a range request with the whole blob. A value
   * of `performance.now()`.
   */
  refusedUntilMs: number;
}

const noRangesMs = 3_600_000;

interface Span {
  readonly start: number;
  /** `undefined` means that the size is unknown, and the body ends with its connection. */
  readonly endExclusive: number | undefined;
  readonly totalSize: number | undefined;
}

export interface OpenedBlob extends Span {
  readonly stream: Readable;
  /** The URL of the server that sends the body. */
  readonly url: URL;
}

/**
 * Rejects as `Upstream.getBlob` does. If the response contains other bytes than the requested ones, it rejects with
 * `content-mismatch` or `unsupported`.
 */
export async function openBlob(context: CallContext, request: BlobRequest, signal: AbortSignal): Promise<OpenedBlob> {
  const { repository, digest, subject, from, toExclusive, resumeOf, ranges } = request;
  const ranged = from > 0 || toExclusive !== undefined;
  // A resume has no alternative to a range, so its request is sent in every case.
  if (ranged && resumeOf === undefined && performance.now() < ranges.refusedUntilMs)
    throw withoutRanges(context, request, { host: context.upstream.url.host, status: 200 });
  // The request has no `If-Range`, because the digest identifies the bytes. A different entity tag only means a
  // different server.
  const send = (): Promise<TransportResponse> =>
    context.transport({
      operation: 'get-blob',
      method: 'GET',
      url: endpoint(context, repository, `blobs/${digest}`),
      repository,
      headers: {
        accept: '*/*',
        ...(ranged && { range: `bytes=${from}-${toExclusive === undefined ? '' : toExclusive - 1}` }),
      },
      signal,
      maxBodyBytes: undefined,
    });
  let response = await send();
  // The signed URL that the storage refused may have expired. The registry signs a new URL for each request, so the
  // request is sent again.
  if (ranged && response.status === 403 && response.url.origin !== context.upstream.url.origin) response = await send();
  if (response.status >= 300) throw toResponseError(context, response, { subject, unknown: 'blob-unknown' });
  const { url, body } = response;
  try {
    const span = ranged ? rangeSpan(context, response, request) : wholeSpan(context, response, subject);
    return { ...span, stream: body, url };
  } catch (error) {
    dropBody(body);
    throw error;
  }
}

function wholeSpan(context: CallContext, { status, headers }: TransportResponse, subject: string): Span {
  if (status !== 200) throw contradiction(context, `answered ${status} to a request for the whole of ${subject}`);
  const totalSize = contentLength(headers);
  return { start: 0, endExclusive: totalSize, totalSize };
}

function rangeSpan(context: CallContext, { status, headers, url }: TransportResponse, request: BlobRequest): Span {
  const { from, toExclusive, resumeOf, subject, ranges } = request;
  ranges.refusedUntilMs = status === 200 ? performance.now() + noRangesMs : 0;
  const sent = status === 206 ? parseContentRange(headerValue(headers, 'content-range')?.trim()) : undefined;
  const totalSize = sent?.size;
  if (sent?.range === undefined || sent.range.start !== from || !endsAsRequested(sent.range, totalSize, toExclusive))
    throw withoutRanges(context, request, { host: url.host, status });
  const known = resumeOf?.totalSize;
  if (known !== undefined && totalSize !== undefined && totalSize !== known)
    throw contradiction(context, `reported first ${known} and then ${totalSize} bytes as the size of ${subject}`);
  return { start: from, endExclusive: sent.range.end + 1, totalSize };
}

function endsAsRequested({ end }: ByteRange, totalSize: number | undefined, toExclusive: number | undefined): boolean {
  const atEnd = end + 1 === totalSize;
  if (toExclusive === undefined) return totalSize === undefined || atEnd;
  return end + 1 === toExclusive || (end + 1 < toExclusive && atEnd);
}

function withoutRanges(
  { upstream }: CallContext,
  { subject, resumeOf }: BlobRequest,
  { host, status }: { readonly host: string; readonly status: number },
): CacheError {
  return new CacheError(
    resumeOf === undefined ? 'unsupported' : 'upstream-unreachable',
    `${nameUpstream(upstream, host)} does not support range requests for ${subject}.`,
    { detail: { upstream: upstream.name, status } },
  );
}
