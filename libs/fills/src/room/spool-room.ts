// Shares the spool's space among fills. Each has a floor of its own for its next bytes in order, and gets more while some is
// free. So no fill waits forever, and a small blob waits for no large one. Stored segments are freed when their space is needed.
import { CacheError } from '@cistern/errors';
import { untilAborted } from '@cistern/runtime';

/** The space of one fill. */
export interface FillRoom {
  /**
   * Reserves space for a segment that is next in order. Waits until there is some, without a limit; within the floor it comes
   * from the fill's own progress. Resolves with the function that returns the space. Rejects with the reason of `signal`. It
   * calls `onWait` once if it must wait.
   */
  take(bytes: number, signal: AbortSignal, onWait?: () => void): Promise<() => void>;
  /** Reserves space for bytes ahead, if there is some now. */
  tryTake(bytes: number): (() => void) | undefined;
  /** The fill may be able to free something now. */
  progressed(): void;
  /** The fill reserves no more: returns the floor. */
  hasEnded(): void;
  /** Returns all space that the fill still has. */
  close(): void;
}

export interface EnterOptions {
  readonly floorBytes: number;
  /** Frees the segment that is needed least, for other fills or for this one. Returns false if there is none. */
  readonly freeOne: (isForItself: boolean) => boolean;
  readonly signal: AbortSignal;
}

export interface SpoolRoomOptions {
  readonly maxBytes: number;
  /** Returns the bytes that its file system has for it, by the last measurement. Unset means `maxBytes`. */
  readonly diskBytes?: () => number;
  /** The most that one fill may have, including its floor. */
  readonly perFillBytes: number;
  /** Called after each change of `usedBytes`. */
  readonly onUsed: (usedBytes: number) => void;
}

const maxWaitMs = 30_000;

interface Holder extends Omit<EnterOptions, 'floorBytes'> {
  floorBytes: number;
  /** Reserved in order, up to the floor and beyond it. */
  inOrder: number;
  ahead: number;
}

export function createSpoolRoom({ maxBytes, diskBytes = () => maxBytes, perFillBytes, onUsed }: SpoolRoomOptions) {
  const holders = new Set<Holder>();
  const entering: Holder[] = [];
  let used = 0;
  let changed = Promise.withResolvers<void>();

  const limit = () => Math.min(maxBytes, diskBytes());

  const usedBy = ({ floorBytes, inOrder, ahead }: Holder) => Math.max(floorBytes, inOrder) + ahead;

  const change = () => {
    used = [...holders].reduce((sum, holder) => sum + usedBy(holder), 0);
    onUsed(used);
    changed.resolve();
    changed = Promise.withResolvers();
  };

  /**
   * Frees a segment of the fill with the most space. A fill within its floor is left out, because that would help no other fill.
   */
  const freeOfOthers = (wanting?: Holder): boolean =>
    [...holders]
      .filter((holder) => holder !== wanting && usedBy(holder) > holder.floorBytes)
      .sort((one, other) => usedBy(other) - usedBy(one))
      .some(({ freeOne }) => freeOne(false));

  /** Frees segments until the holder may have this many bytes more. Returns false if that is not possible now. */
  const makeRoom = (holder: Holder, kind: 'inOrder' | 'ahead', bytes: number): boolean => {
    for (;;) {
      if (kind === 'inOrder' && holder.inOrder + bytes <= holder.floorBytes) return true;
      const wanted = usedBy({ ...holder, [kind]: holder[kind] + bytes });
      const isOverItsMost = wanted > perFillBytes;
      // Fills that wait for their floor come first.
      const floors = entering.reduce((sum, { floorBytes }) => sum + floorBytes, 0);
      if (!isOverItsMost && used - usedBy(holder) + wanted + floors <= limit()) return true;
      if (holder.freeOne(true)) continue;
      if (isOverItsMost || entering.length > 0 || !freeOfOthers(holder)) return false;
    }
  };

  const grant = (holder: Holder, kind: 'inOrder' | 'ahead', bytes: number) => {
    holder[kind] += bytes;
    change();
    let isGiven = false;
    return () => {
      if (isGiven) return;
      isGiven = true;
      holder[kind] -= bytes;
      change();
    };
  };

  const roomOf = (holder: Holder): FillRoom => ({
    async take(bytes, signal, onWait) {
      let isWaiting = false;
      for (;;) {
        signal.throwIfAborted();
        const next = changed.promise;
        if (makeRoom(holder, 'inOrder', bytes)) return grant(holder, 'inOrder', bytes);
        if (!isWaiting) onWait?.();
        isWaiting = true;
        await untilAborted(next, signal);
      }
    },
    tryTake: (bytes) => (makeRoom(holder, 'ahead', bytes) ? grant(holder, 'ahead', bytes) : undefined),
    progressed: change,
    hasEnded() {
      holder.floorBytes = 0;
      change();
    },
    close() {
      holders.delete(holder);
      change();
    },
  });

  function noRoom(bytes: number): CacheError {
    const setting = diskBytes() < maxBytes ? 'the file system of worker.spool.directory' : 'worker.spool.maxbytes';
    const message = `The spool has no space for ${bytes} bytes of a blob: ${used} of ${limit()} are in use (${setting}).`;
    return new CacheError('overloaded', message, { retryable: true, retryAfterMs: 5_000, isLocal: true });
  }

  /** Serves fills in order of arrival, so that a large floor is not starved by small ones. */
  const waitForFloor = async (holder: Holder) => {
    const { floorBytes, signal } = holder;
    let isOver = false;
    const timer = setTimeout(() => {
      isOver = true;
      change();
    }, maxWaitMs);
    entering.push(holder);
    try {
      for (;;) {
        signal.throwIfAborted();
        const next = changed.promise;
        if (entering[0] === holder) {
          while (used + floorBytes > limit() && freeOfOthers(holder));
          if (used + floorBytes <= limit()) {
            holders.add(holder);
            // Runs before any other fill checks the space in use.
            return change();
          }
        }
        if (isOver) throw noRoom(floorBytes);
        await untilAborted(next, signal);
      }
    } finally {
      clearTimeout(timer);
      entering.splice(entering.indexOf(holder), 1);
      // Runs immediately: the next fill may check in this turn of the event loop.
      change();
    }
  };

  return {
    /**
     * Reserves a fill's floor. Waits for it, half a minute at most. Rejects with `overloaded` if none becomes free, with
     * `too-large` if the spool is smaller than the floor, and with the reason of `signal`.
     */
    async enter(options: EnterOptions): Promise<FillRoom> {
      const holder: Holder = { ...options, inOrder: 0, ahead: 0 };
      if (options.floorBytes > maxBytes) throw tooLarge(options.floorBytes, maxBytes);
      await waitForFloor(holder);
      return roomOf(holder);
    },
    /**
     * Returns why `enter` would wait now, if the limit were `withinBytes`. `undefined` means that it would not wait. Frees segments
     * if that helps.
     */
    findShortage(floorBytes: number, withinBytes: number): CacheError | undefined {
      if (floorBytes > withinBytes) return tooLarge(floorBytes, withinBytes);
      const most = Math.min(withinBytes, diskBytes());
      while (entering.length === 0 && used + floorBytes > most && freeOfOthers());
      return entering.length > 0 || used + floorBytes > most ? noRoom(floorBytes) : undefined;
    },
    get usedBytes(): number {
      return used;
    },
    get isWaitedFor(): boolean {
      return entering.length > 0;
    },
    /** `diskBytes` may have changed, so waiting fills check again. */
    measured: change,
  };
}

/**
 * The error for a blob when the spool cannot hold even one segment of it. It has a kind of its own, because a retry cannot
 * succeed.
 */
function tooLarge(bytes: number, maxBytes: number): CacheError {
  const message = `The spool needs ${bytes} bytes for a blob and has ${maxBytes}. Raise worker.spool.maxbytes.`;
  return new CacheError('too-large', message, { isLocal: true });
}
