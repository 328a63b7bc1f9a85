// Continues a fill of another worker. Bytes that this worker has fetched are copied as long as it responds, and the rest comes
// from upstream. After a `kill -9` no bytes can be copied. After a SIGTERM the worker still has all fetched bytes, and has added
// a job for each of its fills.
import type { CacheIndex } from '@cistern/index';
import type { JobQueue } from '@cistern/jobs';
import { isNoRange } from '../fetch/fetch-errors.ts';
import type { FillTable } from './fill-access.ts';
import { fillJobKey } from './follow-fill.ts';
import type { Upstream } from '@cistern/upstream';
import type { Logger } from '@cistern/telemetry';
import type { FillPlace, RemoteFills } from '../remote/open-remote-fills.ts';

type BlobUpstream = Pick<Upstream, 'name' | 'getBlob' | 'headBlob'>;

const readBytes = 256 * 1024;

/**
 * Wraps `upstream` for a fill that continues the one at `predecessor`. `size` is the size of the blob. If upstream does not send
 * the rest, reading the body rejects as `getBlob` does.
 */
export function continueFill(
  upstream: BlobUpstream,
  remote: RemoteFills,
  predecessor: FillPlace,
  size: number,
  log: Logger,
): BlobUpstream {
  let isLost = false;

  /**
   * If upstream does not support ranges, nothing more is copied from the other worker, because the whole blob must be fetched.
   */
  const getRest: BlobUpstream['getBlob'] = async (...given) =>
    upstream.getBlob(...given).catch((error: unknown) => {
      isLost ||= isNoRange(error);
      throw error;
    });

  const lose = (error: unknown, signal: AbortSignal) => {
    signal.throwIfAborted();
    log.warn({ err: error, address: predecessor.address }, 'failed to copy fill from worker, fetching rest');
    isLost = true;
  };

  /**
   * Opens the first run of bytes from `from` on that the other worker has, if it starts before `toExclusive`. The caller closes
   * its reader.
   */
  const findRun = async (from: number, toExclusive: number, signal: AbortSignal) => {
    if (isLost || from >= toExclusive) return undefined;
    try {
      const run = await remote.openPresent(predecessor, from, signal);
      if (run === undefined || run.start < toExclusive) return run;
      run.reader.close();
    } catch (error) {
      lose(error, signal);
    }
    return undefined;
  };

  async function* copy(run: Run, toExclusive: number, signal: AbortSignal): AsyncGenerator<Buffer> {
    let room: Buffer = Buffer.alloc(0);
    try {
      for (let left = Math.min(run.endExclusive, toExclusive) - run.start; left > 0;) {
        if (room.length === 0) room = Buffer.allocUnsafeSlow(Math.min(readBytes, left));
        const length = await run.reader.read(room.subarray(0, left));
        if (length === 0) throw new Error('the worker sent fewer bytes than it has');
        left -= length;
        const piece = room.subarray(0, length);
        room = room.subarray(length);
        yield piece;
      }
    } catch (error) {
      lose(error, signal);
    } finally {
      run.reader.close();
    }
  }

  return {
    name: upstream.name,
    headBlob: (...args) => upstream.headBlob(...args),
    async getBlob(repository, digest, options = {}) {
      const { from = 0, toExclusive = size, signal } = options;
      const closing = new AbortController();
      const ending = signal === undefined ? closing.signal : AbortSignal.any([signal, closing.signal]);
      const first = await findRun(from, toExclusive, ending);
      if (first === undefined) return getRest(repository, digest, options);

      async function* fetchTo(start: number, end: number): AsyncGenerator<Buffer> {
        const range = { from: start, ...(end < size && { toExclusive: end }) };
        const rest = await getRest(repository, digest, { ...options, ...range, signal: ending });
        try {
          yield* rest.body;
        } finally {
          rest.close();
        }
      }

      async function* body(): AsyncGenerator<Buffer> {
        let run: Run | undefined = first;
        try {
          for (let position = from; position < toExclusive;) {
            const gapEnd: number = run?.start ?? toExclusive;
            // The next run stays open while this gap is fetched, so the other worker keeps its bytes.
            if (position < gapEnd)
              for await (const piece of fetchTo(position, gapEnd)) {
                position += piece.length;
                yield piece;
              }
            // If upstream sent too little, the body ends here, and the fill's check of the length fails.
            if (run === undefined || position < gapEnd) return;
            const here: Run = run;
            run = undefined;
            for await (const piece of copy(here, toExclusive, ending)) {
              position += piece.length;
              yield piece;
            }
            run = await findRun(position, toExclusive, ending);
          }
        } finally {
          run?.reader.close();
        }
      }
      return { start: from, totalSize: size, body: body(), close: () => closing.abort() };
    },
  };
}

type Run = NonNullable<Awaited<ReturnType<RemoteFills['openPresent']>>>;

export interface HandOverDeps {
  readonly fills: FillTable;
  readonly index: CacheIndex;
  /** The queue to which the jobs are added. This process must no longer take jobs from it. */
  readonly queue: JobQueue;
  readonly log: Logger;
}

/**
 * Called when a worker shuts down, while the bytes of its fills can still be copied. Adds a job for each fill. The worker that
 * takes a fill over also writes the new record. Never rejects.
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
      log.warn({ err: error, digest }, 'failed to enqueue handover of fill');
    }
  }
}
