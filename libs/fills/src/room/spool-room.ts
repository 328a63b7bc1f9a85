// The room that fills share in the spool. Each has a floor of its own for its next bytes in order, and gets more where some is free. So
// no fill waits for ever, and a small blob waits for no large one. Stored segments are freed when their room is wanted.
import { CacheError } from '@cistern/errors';
import { untilAborted } from '@cistern/runtime';

/** The part of the room that one fill has. */
export interface FillRoom {
  /**
   * Room for a segment that is next in order. Waits until there is some, for as long as it takes; within the floor it comes from the
   * fill's own progress. Resolves with the function that gives it back; rejects with the reason of `signal`. `onWait` is called once if
   * it has to wait.
   */
  take(bytes: number, signal: AbortSignal, onWait?: () => void): Promise<() => void>;
  /** Room for bytes ahead, if there is some now. */
  tryTake(bytes: number): (() => void) | undefined;
  /** Something of this fill may be freed now that could not be before. */
  progressed(): void;
  /** Nothing more is taken: the floor is given back. */
  hasEnded(): void;
  /** Gives everything back that it still has. */
  close(): void;
}

export interface EnterOptions {
  readonly floorBytes: number;
  /** Frees the segment that is needed least, for others or for itself. False: there is none. */
  readonly freeOne: (isForItself: boolean) => boolean;
  readonly signal: AbortSignal;
}

export interface SpoolRoomOptions {
  readonly maxBytes: number;
  /** The bytes that its file system has for it, as it was last seen. Default: as many. */
  readonly diskBytes?: () => number;
  /** The most that one fill may have, its floor included. */
  readonly perFillBytes: number;
  /** Called whenever `usedBytes` has changed. */
  readonly onUsed: (usedBytes: number) => void;
}

const maxWaitMs = 30_000;

interface Holder extends Omit<EnterOptions, 'floorBytes'> {
  floorBytes: number;
  /** In order, up to the floor and beyond it. */
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

  /** Frees something of the fill with the most: within its floor that would not help another one. */
  const freeOfOthers = (wanting?: Holder): boolean =>
    [...holders]
      .filter((holder) => holder !== wanting && usedBy(holder) > holder.floorBytes)
      .sort((one, other) => usedBy(other) - usedBy(one))
      .some(({ freeOne }) => freeOne(false));

  /** True if the holder may have so much more now; the room for it has been made. */
  const makeRoom = (holder: Holder, kind: 'inOrder' | 'ahead', bytes: number): boolean => {
    for (;;) {
      if (kind === 'inOrder' && holder.inOrder + bytes <= holder.floorBytes) return true;
      const wanted = usedBy({ ...holder, [kind]: holder[kind] + bytes });
      const isOverItsMost = wanted > perFillBytes;
      // Fills that wait to begin come first.
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
    const message = `The spool has no room for ${bytes} bytes of a blob: ${used} of ${limit()} are in use (${setting}).`;
    return new CacheError('overloaded', message, { retryable: true, retryAfterMs: 5_000, isLocal: true });
  }

  /** In the order of their coming, so that a large floor is not starved by small ones. */
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
            // Before anybody else looks at what is in use.
            return change();
          }
        }
        if (isOver) throw noRoom(floorBytes);
        await untilAborted(next, signal);
      }
    } finally {
      clearTimeout(timer);
      entering.splice(entering.indexOf(holder), 1);
      // At once: the next one may ask in this very turn.
      change();
    }
  };

  return {
    /**
     * Takes a fill's floor; waits for it, half a minute at most. Rejects with `overloaded` where it comes to nothing, with `too-large`
     * where there is never so much, and with the reason of `signal`.
     */
    async enter(options: EnterOptions): Promise<FillRoom> {
      const holder: Holder = { ...options, inOrder: 0, ahead: 0 };
      if (options.floorBytes > maxBytes) throw tooLarge(options.floorBytes, maxBytes);
      await waitForFloor(holder);
      return roomOf(holder);
    },
    /** Why `enter` would wait now, if all had so much; `undefined`: it would not, or there is something to free. */
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
    /** `diskBytes` may have changed: who waits looks again. */
    looked: change,
  };
}

/** The error for a blob of which the spool cannot even hold a segment. A kind of its own: another try cannot succeed. */
function tooLarge(bytes: number, maxBytes: number): CacheError {
  const message = `The spool needs ${bytes} bytes for a blob and has ${maxBytes}. Raise worker.spool.maxbytes.`;
  return new CacheError('too-large', message, { isLocal: true });
}
