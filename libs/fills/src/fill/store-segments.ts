// Moves a fill's bytes into the store. If the spool file is in the store's own directory, it becomes the blob by a rename. Other
// stores get each segment when it is complete, or the whole blob with one PUT if it has only one segment. The blob becomes
// visible only after the whole blob is verified.
import { setTimeout as delay } from 'node:timers/promises';
import type { BlobBody, BlobStore, BlobUpload } from '@cistern/blob-store';
import type { Digest } from '@cistern/oci';
import type { Logger } from '@cistern/telemetry';
import { SourceInterrupted } from '@cistern/streams';
import { isNoRoom } from '../room/limit-store.ts';
import type { Segment, Segments } from '../spool/segments.ts';
import type { SpoolFiles } from '../spool/spool-files.ts';

export interface StoreSegmentsOptions {
  readonly store: BlobStore;
  readonly digest: Digest;
  readonly segments: Segments;
  readonly files: SpoolFiles;
  /** The upload to continue. */
  readonly resumed?: BlobUpload | undefined;
  /** Called when a segment is stored, when the store refuses one, and when storing is given up. */
  readonly onChange: () => void;
  /** Called the first time that the store refuses the blob after the blob has been verified. */
  readonly onRefused: () => void;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** If the store refuses a verified blob for this long, storing is given up. */
const commitForMs = 60_000;
const firstPauseMs = 250;
const maxPauseMs = 5_000;
const maxAtOnce = 4;
const readBytes = 256 * 1024;

export type SegmentStore = ReturnType<typeof createSegmentStore>;

export function createSegmentStore(options: StoreSegmentsOptions) {
  const { store, digest, segments, files, onChange, log, signal } = options;
  const isOneFile = files.path !== undefined;
  const waiting: Segment[] = [];
  const underWay = new Set<Promise<void>>();
  let upload = options.resumed && Promise.resolve(options.resumed);
  let current = options.resumed;
  let failingSinceMs: number | undefined;
  /** Set from the time when the blob is verified and only the commit is missing. */
  let committing: { readonly sinceMs: number; hasRefused: boolean } | undefined;
  /** True if the blob will not be stored by this fill. The fill then only serves its readers. */
  let isGivenUp = false;

  const bodyOf = ({ start, end, sha256 }: Segment): BlobBody => ({
    length: end - start,
    sha256,
    async *open() {
      for (let at = start; at < end;) {
        const buffer = Buffer.allocUnsafe(Math.min(readBytes, end - at));
        const length = await segments.read(at, buffer);
        at += length;
        yield buffer.subarray(0, length);
      }
    },
  });

  const begun = () => {
    upload ??= store.beginUpload(digest, { size: segments.size, segmentBytes: segments.segmentBytes }).then(
      (opened) => {
        current = opened;
        return opened;
      },
      (error: unknown) => {
        upload = undefined;
        throw error;
      },
    );
    return upload;
  };

  /** `why` is the store's error, or a `SourceInterrupted` if another worker stores the blob. */
  const giveUp = (why: unknown) => {
    if (isGivenUp) return;
    isGivenUp = true;
    if (!(why instanceof SourceInterrupted))
      log.warn({ digest, err: why }, 'blob not stored, serving it to readers only');
    onChange();
  };

  const refuse = (why: unknown) => {
    const nowMs = performance.now();
    failingSinceMs ??= nowMs;
    onChange();
    if (committing === undefined) return;
    if (!committing.hasRefused) options.onRefused();
    committing.hasRefused = true;
    if (nowMs - committing.sinceMs >= commitForMs) giveUp(why);
  };

  /** Repeats `step` until it succeeds, storing is given up, or `signal` is aborted. */
  const persist = async (step: () => Promise<void>) => {
    for (let tries = 1; !isGivenUp; tries += 1) {
      try {
        await step();
        failingSinceMs = undefined;
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (isNoRoom(error)) return giveUp(error);
        log.warn({ digest, err: error }, 'failed to write blob to store');
        refuse(error);
        if (isGivenUp) return;
      }
      await delay(Math.min(maxPauseMs, firstPauseMs * 2 ** (tries - 1)), undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
    }
  };

  const send = (segment: Segment) => {
    const sending = persist(async () => {
      if (segment.isStored) return;
      await (await begun()).put(segment.index, bodyOf(segment), signal);
      segment.isStored = true;
      onChange();
    }).finally(() => {
      underWay.delete(sending);
      sendNext();
    });
    underWay.add(sending);
  };

  const sendNext = () => {
    while (underWay.size < maxAtOnce && waiting.length > 0 && !isGivenUp && !signal.aborted) send(waiting.shift()!);
  };

  const commitOnce = async () => {
    if (files.path !== undefined) {
      // No bytes were written for an empty blob, so its file does not exist yet.
      if (segments.size === 0) await files.write(0, 0, [Buffer.alloc(0)]);
      await store.adoptFile!(digest, files.path);
      files.leaveFile();
      return;
    }
    if (segments.count === 1) return store.put(digest, bodyOf(segments.at(0)), signal);
    while (underWay.size > 0) await Promise.race(underWay);
    if (!isGivenUp && !signal.aborted) await (await begun()).complete();
  };

  const end = async (how: 'abort' | 'leave') => {
    isGivenUp = true;
    await Promise.all(underWay);
    await upload
      ?.then((left) => left[how]())
      .catch((error: unknown) => log.warn({ err: error, digest }, 'failed to abort or hand over upload'));
  };

  return {
    /** The upload. Unset until it has begun. */
    get upload(): BlobUpload | undefined {
      return current;
    },
    get isGivenUp(): boolean {
      return isGivenUp;
    },
    /** The time for which the store has refused all writes. 0 means that it accepted the last one. */
    get failingForMs(): number {
      return failingSinceMs === undefined ? 0 : performance.now() - failingSinceMs;
    },
    giveUp,
    /** Queues a complete segment for the store. */
    add(segment: Segment): void {
      if (isOneFile || segments.count === 1 || isGivenUp) return;
      waiting.push(segment);
      sendNext();
    },
    /**
     * Makes the verified blob visible, with retries for a minute. Resolves to false if the store refuses the blob. Rejects with
     * the reason of `signal`.
     */
    async commit(): Promise<boolean> {
      committing = { sinceMs: performance.now(), hasRefused: false };
      let isDone = false;
      await persist(async () => {
        await commitOnce();
        isDone = !isGivenUp;
      });
      signal.throwIfAborted();
      for (const segment of segments) segment.isStored ||= isDone && !isOneFile;
      return isDone;
    },
    /**
     * Aborts the upload, if there is one, so that the store removes the uploaded segments. Waits for running writes. Never
     * rejects.
     */
    abort: () => end('abort'),
    /** Keeps the uploaded segments for the worker that continues the fill. Otherwise does the same as `abort`. */
    leave: () => end('leave'),
  };
}
