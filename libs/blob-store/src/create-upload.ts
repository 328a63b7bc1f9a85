// Implements the rules of `BlobUpload` that all stores share: the checks of segments, the order of calls and the end of
// the upload. The driver of a store stores the bytes.
import { segmentCount } from '@cistern/oci';
import { untilAborted } from '@cistern/runtime';
import type { BlobBody, BlobUpload, BlobUploadOptions } from './blob-store.ts';
import { orBodyError } from './read-body.ts';

export interface UploadDriver {
  readonly id: string;
  /**
   * The `tags` of the upload. The driver adds an entry for each segment that it stores. Unset means that no segment has
   * a tag.
   */
  readonly tags?: ReadonlyMap<number, string>;
  /**
   * Stores a segment like `BlobUpload.put`. The number and the length are already checked. Settles soon after `signal`
   * aborts.
   */
  put(number: number, body: BlobBody, signal: AbortSignal): Promise<void>;
  /** Makes the blob visible. Called only when all segments are stored. */
  complete(): Promise<void>;
  /** Removes all segments. Called only when no `put` is running any more. */
  drop(): Promise<void>;
}

export function createUpload(options: BlobUploadOptions, driver: UploadDriver): BlobUpload {
  const { id, tags = new Map<number, string>() } = driver;
  const count = segmentCount(options.size, options.segmentBytes);
  const stored = new Set(tags.keys());
  /** Running puts by segment number. */
  const underWay = new Map<number, Promise<void>>();
  const ending = new AbortController();
  let dropping: Promise<void> | undefined;
  let completed = false;

  async function put(number: number, body: BlobBody, signal: AbortSignal): Promise<void> {
    // An earlier put of this segment may still be running, although its signal has aborted.
    await underWay.get(number)?.catch(() => {});
    stored.delete(number);
    await driver.put(number, body, signal);
    stored.add(number);
  }

  const leave = async (why: string) => {
    ending.abort(new Error(why));
    await Promise.allSettled(underWay.values());
  };

  return {
    id,
    tags,
    async put(number, body, signal) {
      checkSegment(number, body, options);
      const ended = signal === undefined ? ending.signal : AbortSignal.any([signal, ending.signal]);
      ended.throwIfAborted();
      const putting = put(number, body, ended);
      underWay.set(number, putting);
      await orBodyError(untilAborted(putting, ended));
    },
    async complete() {
      if (completed) return;
      ending.signal.throwIfAborted();
      if (stored.size < count) throw new Error(`the upload has ${stored.size} of ${count} segments`);
      await driver.complete();
      completed = true;
      ending.abort(new Error('the upload is complete'));
    },
    async abort() {
      if (completed) return;
      // The driver drops the upload only after all puts have ended. Otherwise a segment that arrives later might remain
      // in the store.
      dropping ??= leave('the upload was aborted').then(() => driver.drop());
      await dropping;
    },
    leave: () => leave('the upload was left to another process'),
  };
}

/** Returns the length of segment `number` in bytes; 0 beyond the last one. */
export function segmentLength(number: number, { size, segmentBytes }: BlobUploadOptions): number {
  return Math.max(0, Math.min(segmentBytes, size - number * segmentBytes));
}

function checkSegment(number: number, { length }: BlobBody, options: BlobUploadOptions): void {
  const { size, segmentBytes } = options;
  if (!Number.isSafeInteger(number) || number < 0 || number >= segmentCount(size, segmentBytes))
    throw new RangeError(`a blob of ${size} bytes has no segment ${number}`);
  const expected = segmentLength(number, options);
  if (length !== expected) throw new RangeError(`segment ${number} has ${length} bytes, not ${expected}`);
}
