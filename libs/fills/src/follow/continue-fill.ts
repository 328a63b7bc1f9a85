// Going on with a fill of another worker: what that one has already comes from there as long as it answers, the rest
// from upstream. After a `kill -9` nothing is there; after a SIGTERM everything that was fetched is.
import type { RepositoryName, Digest } from '@cistern/oci';
import type { BlobRequestOptions, Upstream, UpstreamBlobBody } from '@cistern/upstream';
import { isNoRange } from '../fill/fetchers.ts';
import type { Logger } from '@cistern/telemetry';
import type { FillPlace, RemoteFills } from '../remote/open-remote-fills.ts';
import type { FrameReader } from '../remote/read-frames.ts';

type BlobUpstream = Pick<Upstream, 'name' | 'getBlob' | 'headBlob'>;

const readBytes = 256 * 1024;

/** `upstream` for a fill that goes on with the one at `predecessor`, of a blob of `size` bytes. */
export function continueFill(
  upstream: BlobUpstream,
  remote: RemoteFills,
  predecessor: FillPlace,
  size: number,
  log: Logger,
): BlobUpstream {
  let isGone = false;

  async function* present(from: number, toExclusive: number, signal: AbortSignal): AsyncGenerator<Buffer> {
    if (isGone) return;
    let reader: FrameReader | undefined;
    try {
      const found = await remote.openPresent(predecessor, from, signal);
      if (found === undefined) return;
      reader = found.reader;
      let room: Buffer = Buffer.alloc(0);
      for (let left = Math.min(found.endExclusive, toExclusive) - from; left > 0;) {
        if (room.length === 0) room = Buffer.allocUnsafeSlow(Math.min(readBytes, left));
        const length = await reader.read(room.subarray(0, left));
        if (length === 0) return;
        left -= length;
        const piece = room.subarray(0, length);
        room = room.subarray(length);
        yield piece;
      }
    } catch (error) {
      signal.throwIfAborted();
      log.warn({ err: error, address: predecessor.address }, 'a fill cannot be copied: the rest is fetched');
      isGone = true;
    } finally {
      reader?.close();
    }
  }

  return {
    name: upstream.name,
    headBlob: (...args) => upstream.headBlob(...args),
    async getBlob(repository, digest, { from = 0, toExclusive, signal } = {}) {
      const closing = new AbortController();
      const ending = signal === undefined ? closing.signal : AbortSignal.any([signal, closing.signal]);
      const end = toExclusive ?? size;
      const here = present(from, end, ending);
      const first = await here.next();
      if (first.done === true) return upstream.getBlob(repository, digest, rangeOf(from, toExclusive, signal));
      async function* body(): AsyncGenerator<Buffer> {
        let position = from;
        try {
          for (let piece = first; piece.done !== true; piece = await here.next()) {
            position += piece.value.length;
            yield piece.value;
          }
        } finally {
          await here.return(undefined);
        }
        if (position >= end) return;
        yield* upstreamFrom(upstream, repository, digest, { from: position, toExclusive, signal: ending });
      }
      return { start: from, totalSize: size, body: body(), close: () => closing.abort() };
    },
  };
}

function rangeOf(from: number, toExclusive: number | undefined, signal: AbortSignal | undefined): BlobRequestOptions {
  return {
    ...(from > 0 && { from }),
    ...(toExclusive !== undefined && { toExclusive }),
    ...(signal !== undefined && { signal }),
  };
}

/** Where upstream refuses to begin in the middle: the whole, without what was here. */
async function* upstreamFrom(
  upstream: BlobUpstream,
  repository: RepositoryName,
  digest: Digest,
  options: { readonly from: number; readonly toExclusive: number | undefined; readonly signal: AbortSignal },
): AsyncGenerator<Buffer> {
  const opened = await openFrom(upstream, repository, digest, options);
  let skip = options.from - opened.start;
  try {
    for await (const chunk of opened.body) {
      const skipped = Math.min(skip, chunk.length);
      skip -= skipped;
      if (skipped < chunk.length) yield chunk.subarray(skipped);
    }
  } finally {
    opened.close();
  }
}

async function openFrom(
  upstream: BlobUpstream,
  repository: RepositoryName,
  digest: Digest,
  {
    from,
    toExclusive,
    signal,
  }: { readonly from: number; readonly toExclusive: number | undefined; readonly signal: AbortSignal },
): Promise<UpstreamBlobBody> {
  try {
    return await upstream.getBlob(repository, digest, rangeOf(from, toExclusive, signal));
  } catch (error) {
    if (!isNoRange(error)) throw error;
    return upstream.getBlob(repository, digest, { signal });
  }
}
