// Moves a fill's bytes into the store. A file in the store's own directory becomes the blob by a rename. Other stores get
// segments as they complete, and a blob of one segment by one PUT. Nothing is visible before the whole blob is verified.
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
  /** Called when a segment is stored, and when the store has refused one or is given up. */
  readonly onChange: () => void;
  /** Called when the store first refuses the blob after it has been verified. */
  readonly onRefused: () => void;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** A verified blob that the store refuses for this long is not stored. */
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
  /** Set when the blob is verified and only the commit is missing. */
  let committing: { readonly sinceMs: number; hasRefused: boolean } | undefined;
  /** Set when the store has no space for the blob, or accepts nothing. The fill then only serves its readers. */
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

  /** `why` is the store's error, or the note that another worker stores the blob. */
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

  /** Retries for as long as the fill wants the blob stored. */
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
      // An empty blob has no file yet.
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
    /** Set once the upload has begun. */
    get upload(): BlobUpload | undefined {
      return current;
    },
    get isGivenUp(): boolean {
      return isGivenUp;
    },
    /** How long the store has been refusing. 0 means that it accepted the last write. */
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
     * Makes the verified blob visible, with retries for a minute. Returns false if the store refuses it. Rejects with the reason
     * of `signal`.
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
    /** Drops the stored parts of a blob that does not become visible. Waits for running writes. Never rejects. */
    abort: () => end('abort'),
    /** Leaves the stored parts to the worker that continues the fill. Otherwise the same as `abort`. */
    leave: () => end('leave'),
  };
}
