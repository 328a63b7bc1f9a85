// Blobs: their size, and their bytes as a body that mends its own breaks.
import type { Readable } from 'node:stream';
import { CacheError } from '@cistern/errors';
import type { UpstreamMetrics } from '@cistern/telemetry';
import { openBlob, type OpenBlobRequest, type OpenedBlob } from './blob-open.ts';
import { type CallContext, contradiction, endpoint, fetchDocument, startCall } from './call.ts';
import type { Lifetime } from '../lifetime.ts';
import { readResumably } from './resume.ts';
import { toNetworkError } from '../transport/network-error.ts';
import { dropBody, headerValue } from '../transport/transport.ts';
import type { Upstream, UpstreamBlobBody } from '../upstream.ts';
import { nameUpstream } from '../upstream-identity.ts';

export interface BlobCallContext extends CallContext {
  readonly metrics: UpstreamMetrics;
  readonly countBytes: (bytes: number) => void;
}

export function createBlobCalls(context: BlobCallContext): Pick<Upstream, 'headBlob' | 'getBlob'> {
  return {
    async headBlob(repository, digest, options) {
      const response = await fetchDocument(context, {
        operation: 'head-blob',
        method: 'HEAD',
        url: endpoint(context, repository, `blobs/${digest}`),
        repository,
        options,
        subject: `the blob ${digest} of ${repository}`,
        unknown: 'blob-unknown',
      });
      const size = Number(headerValue(response.headers, 'content-length') ?? Number.NaN);
      return Number.isSafeInteger(size) && size >= 0 ? size : undefined;
    },

    async getBlob(repository, digest, { signal, from = 0, toExclusive } = {}) {
      const request = { repository, digest, wanted: { from, toExclusive } };
      const lifetime = startCall(context, signal, `the blob ${digest} of ${repository}`);
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

type BlobRequest = Omit<OpenBlobRequest, 'signal'>;

async function openInTime(context: CallContext, lifetime: Lifetime, request: BlobRequest): Promise<OpenedBlob> {
  lifetime.setDeadline(context.deadlineMs);
  try {
    return await openBlob(context, { ...request, signal: lifetime.signal });
  } finally {
    lifetime.clearDeadline();
  }
}

function toBody(
  context: BlobCallContext,
  lifetime: Lifetime,
  { repository, digest, wanted }: BlobRequest,
  opened: OpenedBlob,
): UpstreamBlobBody {
  const { upstream, metrics, countBytes } = context;
  const { start, endExclusive } = opened;
  let { totalSize, url } = opened;

  async function reopen(offset: number): Promise<{ stream: Readable; endExclusive: number | undefined }> {
    const resumeOf = { etag: opened.etag, totalSize };
    const resumed = await openInTime(context, lifetime, {
      repository,
      digest,
      wanted: { ...wanted, from: offset, resumeOf },
    });
    if (endExclusive !== undefined && resumed.endExclusive !== endExclusive) {
      dropBody(resumed.stream);
      throw contradiction(context, `resumed the blob ${digest} of ${repository} with another end`);
    }
    ({ totalSize = totalSize, url } = resumed);
    return resumed;
  }

  const bytes = readResumably({
    first: opened.stream,
    start,
    endExclusive,
    reopen,
    signal: lifetime.signal,
    describeBreak: (error, offset) =>
      atOffset(toNetworkError(error, { upstream, url, signal: lifetime.signal }), offset),
    contradiction: (message) => contradiction(context, `${message} for the blob ${digest} of ${repository}`),
    onBytes: countBytes,
    onResume: () => metrics.upstreamResumes.inc({ upstream: upstream.name }),
  });
  const close = (): void => {
    lifetime.abort(new DOMException(`The body from ${nameUpstream(upstream)} was closed by its reader.`, 'AbortError'));
    lifetime.release();
  };
  return {
    start,
    totalSize: opened.totalSize,
    body: { [Symbol.asyncIterator]: () => iterate(bytes, lifetime.release, close) },
    close,
  };
}

/** As the generator itself, but ended early it lets go of the connection even if it was never begun. */
function iterate(
  bytes: AsyncGenerator<Buffer, void, undefined>,
  release: () => void,
  close: () => void,
): AsyncIterator<Buffer, void> {
  return {
    async next() {
      try {
        const result = await bytes.next();
        if (result.done === true) release();
        return result;
      } catch (error) {
        release();
        throw error;
      }
    },
    async return() {
      close();
      await bytes.return();
      return { done: true, value: undefined };
    },
  };
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
