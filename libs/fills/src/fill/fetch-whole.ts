// The main work of a fill: it fetches, hashes and stores all segments, and commits the blob.
import { CacheError } from '@cistern/errors';
import type { BlobRequestOptions, UpstreamBlobBody } from '@cistern/upstream';
import { type SegmentFetch, createSegmentFetch } from '../fetch/fetch-segments.ts';
import type { FillRoom } from '../room/spool-room.ts';
import { nearBytesOf } from '../spool/segments.ts';
import type { Spool } from '../spool/spool-directory.ts';
import { type StoredSegments, createCheckpoints, resumeFrom } from './checkpoints.ts';
import type { FillBody } from './fill-body.ts';
import type { FillOptions } from './fill-options.ts';
import { type SegmentHash, createSegmentHash } from './hash-segments.ts';
import type { FirstAnswer } from './open-first.ts';
import { type SegmentStore, createSegmentStore } from './store-segments.ts';

export interface FetchWholeOptions {
  readonly fill: FillOptions;
  readonly body: FillBody;
  readonly spool: Spool;
  readonly answer: FirstAnswer;
  readonly get: (range: BlobRequestOptions) => Promise<UpstreamBlobBody>;
  /** See `SpoolEntry`. */
  readonly freeOne: (isForItself: boolean) => boolean;
  /** Called when the size is known and followers can read. */
  readonly onRunning: (size: number) => void;
  /** Called when the spool fails to write received bytes. The fill must then end. */
  readonly onNotWritten: (error: unknown) => void;
  readonly signal: AbortSignal;
}

export interface WholeFetch {
  readonly room: FillRoom;
  readonly fetch: SegmentFetch;
  readonly hash: SegmentHash;
  readonly storing: SegmentStore;
  /** The state for the next checkpoint of a large blob. */
  readonly checkpoint: StoredSegments | undefined;
  /**
   * Resolves to true when the blob is committed, and to false when the store refuses the blob. Rejects with the failure of the
   * fill.
   */
  run(): Promise<boolean>;
  close(): void;
}

/** A ranged GET that runs alongside another may fetch `rangeShare` of the window, or `leastRangeSegments` if that is more. */
const leastRangeSegments = 4;
const rangeShare = 1 / 8;

/**
 * Resolves when the spool has reserved the fill's floor. Rejects as `Spool.enter` does, and closes the first body before that.
 */
export async function openWholeFetch(options: FetchWholeOptions): Promise<WholeFetch> {
  const { fill, body, spool, answer, get, freeOne, onRunning, signal } = options;
  const { digest, store, spools, log } = fill;
  const { segments } = body;
  const isSizeUnknown = answer.size === undefined;
  const first = answer.range === undefined ? answer.first : undefined;
  const writtenBytes = () => segments.onDiskBytes;
  const storedBytes = () =>
    [...segments].reduce((sum, { isStored, start, end }) => sum + (isStored ? end - start : 0), 0);
  const room = await spool
    .enter({ isSizeUnknown, freeOne, writtenBytes, storedBytes, signal })
    .catch((error: unknown) => {
      first?.close();
      throw error;
    });
  const openHash = isSizeUnknown || segments.size <= spools.perFillBytes ? undefined : fill.openHash;
  const resumed =
    openHash && fill.checkpoint && (await resumeFrom(fill.checkpoint, { store, digest, segments, openHash, log }));
  const savable = resumed?.savable ?? (await openHash?.(digest, segments));
  const hash = createSegmentHash({ digest, segments, savable, onHashed: room.progressed, signal });
  const storing = createSegmentStore({
    store,
    digest,
    segments,
    files: spool.files,
    resumed: resumed?.upload,
    log,
    signal,
    onChange() {
      room.progressed();
      body.wake();
    },
    onRefused: () => fill.onRefused?.(),
  });
  const checkpoints =
    savable && createCheckpoints({ segments, hash, upload: () => storing.upload, first: resumed && fill.checkpoint });

  const append = async (offset: number, chunks: readonly Buffer[]) => {
    signal.throwIfAborted();
    const appended = segments.append(offset, chunks);
    hash.offer(offset, chunks);
    await appended.catch((error: unknown) => {
      options.onNotWritten(error);
      throw error;
    });
    const segment = segments.holding(offset);
    if (segment.isComplete && !isSizeUnknown) storing.add(segment);
    body.wake();
    // The error is ignored here, because the call of `catchUp` at the end throws it again.
    void hash.catchUp().catch(() => {});
  };

  const windowBytes = Math.min(spools.perFillBytes, segments.size);
  const rangeBytes = Math.max(leastRangeSegments * segments.segmentBytes, Math.floor(windowBytes * rangeShare));
  const { connect } = fill;
  const fetch = createSegmentFetch({
    segments,
    room,
    get,
    append,
    rangeBytes,
    connect,
    isSizeUnknown,
    onChange: body.wake,
    signal,
  });

  const fetchAll = async () => {
    const { takenOverSize, from } = fill;
    const all = fetch.all(first);
    // The previous worker of this fill was lost, and a reader waits at `from`. The bytes there are fetched first, so that no side
    // read fetches them as well.
    const isFar = from > nearBytesOf(segments.segmentBytes);
    if (takenOverSize !== undefined && isFar && !segments.holding(from).isComplete) fetch.want(from);
    await all;
  };

  const assertRight = async () => {
    await hash.catchUp();
    const actual = await hash.digest();
    if (actual === digest) return;
    fetch.mismatched();
    const message = `Upstream ${fill.upstream.name} sent bytes with digest ${actual} for ${digest}.`;
    throw new CacheError('content-mismatch', message, { retryable: true });
  };

  return {
    room,
    fetch,
    hash,
    storing,
    get checkpoint() {
      return checkpoints?.();
    },
    async run() {
      if (!isSizeUnknown) onRunning(segments.size);
      await fetchAll();
      if (isSizeUnknown) {
        onRunning(segments.size);
        for (const segment of segments) storing.add(segment);
      }
      await assertRight();
      body.markVerified();
      const isCommitted = await storing.commit();
      room.hasEnded();
      return isCommitted;
    },
    close() {
      fetch.close();
      hash.close();
    },
  };
}
