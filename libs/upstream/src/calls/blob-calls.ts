// Fetches the size of a blob, and its bytes as a body that survives broken connections.
import { setTimeout as pause } from 'node:timers/promises';
import { CacheError, isCacheError } from '@cistern/errors';
import type { UpstreamMetrics } from '@cistern/telemetry';
import { toNetworkError } from '../transport/network-error.ts';
import { contentLength, dropBody, nameUpstream, type Transport } from '../transport/transport.ts';
import type { Upstream, UpstreamBlobBody } from '../upstream.ts';
import { type CallContext, contradiction, endpoint, fetchDocument, type Lifetime, startCall } from './call.ts';
import { toExtraRefused } from '../transport/extra-refused.ts';
import { type BlobRequest, openBlob, type OpenedBlob, type RangeMemory } from './open-blob.ts';

export interface BlobCallContext extends CallContext {
  /** Sends requests for extra connections. */
  readonly extraTransport: Transport;
  readonly metrics: UpstreamMetrics;
  readonly countBytes: (bytes: number) => void;
}

export function createBlobCalls(context: BlobCallContext): Pick<Upstream, 'headBlob' | 'getBlob'> {
  const ranges: RangeMemory = { refusedUntilMs: 0 };
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
      // Some registries send 0 where they do not know the size, as for manifests.
      return contentLength(headers) || undefined;
    },
    async getBlob(repository, digest, { signal, from = 0, toExclusive, isExtra = false } = {}) {
      const subject = `the blob ${digest} of ${repository}`;
      const lifetime = startCall(context, signal, subject);
      const request = { repository, digest, subject, from, toExclusive, isExtra, ranges };
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

/** A deadline for extra requests. Bytes are needed in order, so a slow extra request blocks the ranges after it. */
const extraDeadlineMs = 10_000;

async function openInTime(
  context: BlobCallContext,
  lifetime: Lifetime,
  request: BlobRequest & { readonly isExtra: boolean },
): Promise<OpenedBlob> {
  const { isExtra } = request;
  const { deadlineMs, extraTransport } = context;
  lifetime.setDeadline(isExtra ? Math.min(deadlineMs, extraDeadlineMs) : deadlineMs);
  try {
    return await openBlob(isExtra ? { ...context, transport: extraTransport } : context, request, lifetime.signal);
  } catch (error) {
    throw isExtra ? toExtraRefused(error) : error;
  } finally {
    lifetime.clearDeadline();
  }
}

function toBody(
  context: BlobCallContext,
  lifetime: Lifetime,
  request: BlobRequest & { readonly isExtra: boolean },
  opened: OpenedBlob,
): UpstreamBlobBody {
  const { start, totalSize } = opened;
  const bytes = readResumably(context, lifetime, request, opened);
  const close = (): void => {
    const message = `The body from ${nameUpstream(context.upstream)} was closed by its reader.`;
    lifetime.abort(new DOMException(message, 'AbortError'));
    lifetime.release();
  };
  // Wraps the generator, because `return` does not run the code of a generator that never began. So an early end
  // releases the connection in every case.
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
  return { start, totalSize, host: opened.url.host, body: { [Symbol.asyncIterator]: () => iterator }, close };
}

/** Limits of the resumes: attempts in a row without a new byte, and attempts for the whole body. */
const maxFruitlessResumes = 3;
const maxResumes = 50;
const firstPauseMs = 100;
/** Limits the pause, because a client that receives no byte for longer may give up. */
const maxPauseMs = 5_000;

/**
 * Yields one sequence of bytes across broken connections. It ends only at the end of the opened range. Otherwise it
 * throws a CacheError or the signal's reason, which also destroys the streams. It holds at most one chunk.
 */
async function* readResumably(
  context: BlobCallContext,
  lifetime: Lifetime,
  request: BlobRequest & { readonly isExtra: boolean },
  opened: OpenedBlob,
): AsyncGenerator<Buffer, void, undefined> {
  const { upstream, metrics, countBytes } = context;
  const { signal } = lifetime;
  const { start } = opened;
  let { stream, endExclusive, totalSize, url } = opened;
  let offset = start;
  let fruitless = 0;
  for (let resumes = 0; ; resumes += 1) {
    let cause: unknown = new Error('The body ended too early.');
    try {
      // Leaving this loop destroys the stream. So does `return` on the generator.
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
    // The connection broke after the last byte, so nothing is missing.
    if (offset === endExclusive) return;

    for (let reopened = false; !reopened; fruitless += 1) {
      signal.throwIfAborted();
      if (fruitless >= maxFruitlessResumes || resumes >= maxResumes)
        throw atOffset(toNetworkError(cause, { upstream, url, signal }), offset);
      if (fruitless > 0) await pauseBefore(fruitless, cause, signal);
      try {
        const resumed = await openInTime(context, lifetime, {
          ...request,
          from: offset,
          resumeOf: { totalSize },
        });
        if (opened.endExclusive !== undefined && resumed.endExclusive !== opened.endExclusive) {
          dropBody(resumed.stream);
          throw contradiction(context, `resumed ${request.subject}, but announced another end than before`);
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

/** Waits with backoff before the next attempt, and at least for the `Retry-After`, of which up to 5 seconds count. */
async function pauseBefore(fruitless: number, cause: unknown, signal: AbortSignal): Promise<void> {
  const longest = firstPauseMs * 2 ** fruitless;
  const retryAfterMs = isCacheError(cause) ? (cause.retryAfterMs ?? 0) : 0;
  const leastMs = Math.max(longest / 2, Math.min(retryAfterMs, maxPauseMs));
  try {
    await pause(leastMs + (Math.random() * longest) / 2, undefined, { signal });
  } catch {
    signal.throwIfAborted();
  }
}

function atOffset(error: unknown, offset: number): unknown {
  if (!(error instanceof CacheError)) return error;
  const { kind, message, detail, retryable, retryAfterMs, isLocal, cause } = error;
  return new CacheError(kind, `${message} The body broke at byte ${offset} and could not be resumed.`, {
    detail,
    retryable,
    isLocal,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    cause,
  });
}
