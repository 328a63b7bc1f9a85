// Opens the bytes of a blob, whole or from an offset, and checks that upstream gave what was asked for.
import type { Readable } from 'node:stream';
import { CacheError } from '@cistern/errors';
import { type ByteRange, type Digest, parseContentRange, type RepositoryName } from '@cistern/oci';
import { type CallContext, contradiction, endpoint } from './call.ts';
import { toResponseError } from './response-error.ts';
import { dropBody, headerValue, type TransportHeaders, type TransportResponse } from '../transport/transport.ts';
import { nameUpstream } from '../upstream-identity.ts';

interface WantedBytes {
  readonly from: number;
  /** `undefined`: to the end. */
  readonly toExclusive: number | undefined;
  /** What an earlier answer said of the same blob, when its body broke. */
  readonly resumeOf?: { readonly etag: string | undefined; readonly totalSize: number | undefined };
}

export interface OpenBlobRequest {
  readonly repository: RepositoryName;
  readonly digest: Digest;
  readonly wanted: WantedBytes;
  readonly signal: AbortSignal;
}

export interface OpenedBlob {
  readonly stream: Readable;
  readonly start: number;
  /** `undefined`: the body ends where the connection says so. */
  readonly endExclusive: number | undefined;
  readonly totalSize: number | undefined;
  /** A strong one, else `undefined`. */
  readonly etag: string | undefined;
  /** Who sends the body. */
  readonly url: URL;
}

export async function openBlob(context: CallContext, request: OpenBlobRequest): Promise<OpenedBlob> {
  const { repository, digest, wanted } = request;
  const subject = `the blob ${digest} of ${repository}`;
  const ranged = wanted.from > 0 || wanted.toExclusive !== undefined;
  const etag = wanted.resumeOf?.etag;
  let response = await send(context, request, ranged, etag);
  // The blob is named by its digest, so another entity tag only means that another server holds it.
  if (response.status === 412 && etag !== undefined) response = await send(context, request, ranged, undefined);

  const { status, headers, url } = response;
  if (status >= 300)
    throw toResponseError(response, {
      upstream: context.upstream,
      subject,
      unknown: 'blob-unknown',
      nowMs: context.clock(),
    });
  try {
    const facts = ranged ? rangeFacts(context, response, wanted, subject) : wholeFacts(context, response, subject);
    return { ...facts, stream: response.body, etag: strongEtag(headers), url };
  } catch (error) {
    dropBody(response.body);
    throw error;
  }
}

function send(
  context: CallContext,
  { repository, digest, wanted: { from, toExclusive }, signal }: OpenBlobRequest,
  ranged: boolean,
  etag: string | undefined,
): Promise<TransportResponse> {
  return context.transport({
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
}

type Facts = Pick<OpenedBlob, 'start' | 'endExclusive' | 'totalSize'>;

function wholeFacts(context: CallContext, { status, headers }: TransportResponse, subject: string): Facts {
  if (status !== 200) throw contradiction(context, `answered ${status} when asked for the whole of ${subject}`);
  const size = Number(headerValue(headers, 'content-length') ?? Number.NaN);
  const totalSize = Number.isSafeInteger(size) && size >= 0 ? size : undefined;
  return { start: 0, endExclusive: totalSize, totalSize };
}

function rangeFacts(
  context: CallContext,
  { status, headers, url }: TransportResponse,
  { from, toExclusive, resumeOf }: WantedBytes,
  subject: string,
): Facts {
  const told = status === 206 ? parseContentRange(headerValue(headers, 'content-range')?.trim()) : undefined;
  const range = told?.range;
  if (range === undefined || range.start !== from || !endsAsWanted(range, told?.size, toExclusive))
    throw new CacheError(
      resumeOf === undefined ? 'unsupported' : 'upstream-unreachable',
      `${nameUpstream(context.upstream, url.host)} does not answer range requests for ${subject}.`,
      { detail: { upstream: context.upstream.name, status } },
    );
  const totalSize = told?.size;
  const known = resumeOf?.totalSize;
  if (known !== undefined && totalSize !== undefined && totalSize !== known)
    throw contradiction(context, `said first ${known} and then ${totalSize} bytes for the size of ${subject}`);
  return { start: from, endExclusive: range.end + 1, totalSize };
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
