// Shares the spool's space among fills. Each fill has a floor: a small space of its own for its next bytes in order. It gets
// more while the spool has free space. So no fill waits forever, and a small blob does not wait for a large one. Stored
// segments are freed when their space is needed.
import { CacheError } from '@cistern/errors';
import { untilAborted } from '@cistern/runtime';

/** The space of one fill. */
export interface FillRoom {
  /**
   * Reserves space for a segment that is next in order. Waits for space without a time limit. Space within the floor becomes
   * free by the fill's own progress. Resolves to the function that gives the space back. Rejects with the reason of `signal`.
   * If it must wait, it calls `onWait` one time.
   */
  take(bytes: number, signal: AbortSignal, onWait?: () => void): Promise<() => void>;
  /** Reserves space for a segment that is not next in order. Returns `undefined` if there is no space now. */
  tryTake(bytes: number): (() => void) | undefined;
  /** Called when the fill may be able to free a segment, so that waiting fills check again. */
  progressed(): void;
  /** Called when the fill reserves no more space. Gives its floor back. */
  hasEnded(): void;
  /** Gives back all space that the fill still has. */
  close(): void;
}

export interface EnterOptions {
  readonly floorBytes: number;
  /**
   * Frees the fill's segment that its readers need last. `isForItself` is true if the fill itself needs the space, and false if
   * another fill does. Returns false if no segment can be freed.
   */
  readonly freeOne: (isForItself: boolean) => boolean;
  readonly signal: AbortSignal;
}

export interface SpoolRoomOptions {
  readonly maxBytes: number;
  /** Returns the number of bytes that the file system has for the spool, by the last measurement. Unset means `maxBytes`. */
  readonly diskBytes?: () => number;
  /** The most that one fill may have, including its floor. */
  readonly perFillBytes: number;
  /** Called after each change of `usedBytes`. */
  readonly onUsed: (usedBytes: number) => void;
}

const maxWaitMs = 30_000;

interface Holder extends Omit<EnterOptions, 'floorBytes'> {
  floorBytes: number;
  /** Bytes reserved by `take`, within the floor and beyond it. */
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
   * Frees a segment of the fill with the most space. Skips fills that use no more than their floor, because a floor stays
   * reserved and freeing there helps no other fill.
   */
  const freeOfOthers = (wanting?: Holder): boolean =>
    [...holders]
      .filter((holder) => holder !== wanting && usedBy(holder) > holder.floorBytes)
      .sort((one, other) => usedBy(other) - usedBy(one))
      .some(({ freeOne }) => freeOne(false));

  /** Frees segments until the holder can get this many more bytes. Returns false if that is not possible now. */
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
            // `change` runs here without an `await`, so that no other fill checks `used` before it is updated.
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
     * Reserves a fill's floor. Waits for the space, half a minute at most. Rejects with `overloaded` if the space does not become
     * free, and with `too-large` if the spool is smaller than the floor. Also rejects with the reason of `signal`.
     */
    async enter(options: EnterOptions): Promise<FillRoom> {
      const holder: Holder = { ...options, inOrder: 0, ahead: 0 };
      if (options.floorBytes > maxBytes) throw tooLarge(options.floorBytes, maxBytes);
      await waitForFloor(holder);
      return roomOf(holder);
    },
    /**
     * Returns the reason why `enter` would wait now, if the limit were `withinBytes`. `undefined` means that it would not wait.
     * Frees segments of other fills first, if that helps.
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
 * The error for a blob when the spool cannot hold even one segment of it. It has its own kind, because a retry cannot succeed.
 */
function tooLarge(bytes: number, maxBytes: number): CacheError {
  const message = `The spool needs ${bytes} bytes for a blob and has ${maxBytes}. Raise worker.spool.maxbytes.`;
  return new CacheError('too-large', message, { isLocal: true });
}
