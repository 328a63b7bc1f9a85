// Going on with a fill of another worker: its bytes come from there as long as it answers, the rest from upstream. After a
// `kill -9` it has none; after a SIGTERM it has everything that was fetched, and has added a job for each of its fills.
import type { CacheIndex } from '@cistern/index';
import type { JobQueue } from '@cistern/jobs';
import { isNoRange } from '../fetch/fetch-errors.ts';
import type { FillTable } from './fill-access.ts';
import { fillJobKey } from './follow-fill.ts';
import type { Upstream } from '@cistern/upstream';
import type { Logger } from '@cistern/telemetry';
import type { FillPlace, RemoteFills } from '../remote/open-remote-fills.ts';
import type { FrameReader } from '../remote/read-frames.ts';

type BlobUpstream = Pick<Upstream, 'name' | 'getBlob' | 'headBlob'>;

const readBytes = 256 * 1024;

/**
 * `upstream` for a fill that goes on with the one at `predecessor`, of a blob of `size` bytes. A body rejects as `getBlob` where
 * upstream does not send the rest.
 */
export function continueFill(
  upstream: BlobUpstream,
  remote: RemoteFills,
  predecessor: FillPlace,
  size: number,
  log: Logger,
): BlobUpstream {
  let isGone = false;

  /** Where upstream sends no ranges the whole comes from there, and nothing of it is copied. */
  const getRest: BlobUpstream['getBlob'] = async (...given) =>
    upstream.getBlob(...given).catch((error: unknown) => {
      isGone ||= isNoRange(error);
      throw error;
    });

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
    async getBlob(repository, digest, options = {}) {
      const { from = 0, toExclusive = size, signal } = options;
      const closing = new AbortController();
      const ending = signal === undefined ? closing.signal : AbortSignal.any([signal, closing.signal]);
      const here = present(from, toExclusive, ending);
      const first = await here.next();
      if (first.done === true) return getRest(repository, digest, options);
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
        if (position >= toExclusive) return;
        const rest = await getRest(repository, digest, { ...options, from: position, signal: ending });
        try {
          yield* rest.body;
        } finally {
          rest.close();
        }
      }
      return { start: from, totalSize: size, body: body(), close: () => closing.abort() };
    },
  };
}

export interface HandOverDeps {
  readonly fills: FillTable;
  readonly index: CacheIndex;
  /** This process takes no jobs from it any more. */
  readonly queue: JobQueue;
  readonly log: Logger;
}

/**
 * Before a worker ends: adds a job for each of its fills, while its bytes can still be copied. The worker that takes a fill over
 * shows it by the record. Never rejects.
 */
export async function handOverFills({ fills, index, queue, log }: HandOverDeps): Promise<void> {
  for (const { fillId, digest, readers } of fills.all()) {
    try {
      const record = await index.fills.read(digest);
      if (record?.fillId !== fillId || record.state !== 'running') continue;
      const { source, generation, class: fillClass } = record;
      const { upstream, repository } = source;
      const payload = {
        upstream,
        repository,
        digest,
        replaces: generation,
        from: 0,
        ...(readers > 0 && { resumes: true }),
      };
      await queue.add('fetch-blob', payload, { dedupKey: fillJobKey(digest, generation), class: fillClass });
    } catch (error) {
      log.warn({ err: error, digest }, 'nobody could be asked to go on with a fill');
    }
  }
}
