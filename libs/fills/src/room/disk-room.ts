// Room on a file system for what is fetched, made and taken before a client gets its first byte: a body that has begun is not
// broken off because the disk is full.
import { setTimeout as delay } from 'node:timers/promises';
import type { DiskSpace } from '@cistern/blob-store';
import { CacheError } from '@cistern/errors';
import { findShortage, type MinFree, minFreeBytes, mostMinFreeBytes, type Shortage } from './min-free.ts';

export interface DiskRoom {
  /**
   * For a size that upstream has not confirmed: waits for nothing, takes nothing and has nothing evicted. Rejects with
   * `store-unavailable` where so much can never fit, or a fetch has waited in vain for no more a moment ago.
   */
  admit(bytes: number): Promise<void>;
  /** For one file, of which so many bytes are on the disk already. */
  open(writtenBytes: () => number): DiskClaim;
  /** Why what could be fetched is refused for want of room; `undefined`: it is not. */
  readonly full: string | undefined;
}

export interface DiskClaim {
  /**
   * Takes room, and resolves with the function that gives it back. Waits while eviction or the end of other fetches makes some, ten
   * seconds after the last change and thirty in all. Rejects with `store-unavailable` where there is none, or the signal's reason.
   */
  take(bytes: number, signal: AbortSignal): Promise<() => void>;
  close(): void;
}

export interface DiskRoomOptions {
  /** Names the directory in errors, with its setting. */
  readonly name: string;
  /** A file system that cannot be asked, or does not report its size, refuses nothing. */
  readonly space: () => Promise<DiskSpace | undefined>;
  readonly minFree: MinFree;
  /** What eviction could remove at most. Default: nothing. */
  readonly heldBytes?: () => Promise<number>;
  /** Has eviction make room for so many bytes; called again while somebody waits, and with 0 when nobody does any more. */
  readonly want?: (bytes: number) => Promise<void>;
}

interface Look extends DiskSpace {
  /** `undefined`: it was not asked for. */
  readonly held: number | undefined;
}

interface Taken {
  bytes: number;
  readonly writtenBytes: () => number;
}

/** Longer than a victim's grace and two steps of the evictor. */
const maxWaitMs = 10_000;
/** Who waits holds a place among the fetches. */
const mostWaitMs = 30_000;
const lookEveryMs = 200;
/** Of what a fetch lacks. Less than that comes and goes on a busy disk. */
const fairShare = 0.25;
/** After a wait that was of no use nobody waits for as much, unless something goes after all. */
const giveUpForMs = 60_000;
const retryAfterMs = 30_000;

export function createDiskRoom(options: DiskRoomOptions): DiskRoom {
  const { name, minFree, want } = options;
  const claims = new Set<Taken>();
  const waiting = new Set<{ readonly bytes: number }>();
  let gaveUp = { bytes: Infinity, atMs: -Infinity };
  let refused: { readonly bytes: number; readonly atMs: number; readonly why: string } | undefined;

  const sumOf = (bytesOf: (claim: Taken) => number) => [...claims].reduce((sum, claim) => sum + bytesOf(claim), 0);
  /** Taken, and not on the disk yet. */
  const pendingBytes = () => sumOf((claim) => Math.max(0, claim.bytes - claim.writtenBytes()));
  const disk = watchDisk(options, pendingBytes);

  /** `undefined`: there is room. */
  function shortageOf(bytes: number, seen: Look) {
    const writtenBytes = sumOf((claim) => claim.writtenBytes());
    const shortage = findShortage(name, minFree, bytes, { ...seen, pendingBytes: pendingBytes(), writtenBytes });
    if (shortage === undefined) return undefined;
    const hasGivenUp = bytes >= gaveUp.bytes && gaveUp.atMs > disk.wentAtMs;
    return { ...shortage, isGivenUp: hasGivenUp && performance.now() - gaveUp.atMs < giveUpForMs };
  }

  function refuse(bytes: number, { isOversized, why }: Shortage): never {
    // A blob that is too large for the whole file system says nothing of how full it is.
    if (!isOversized) refused = { bytes, atMs: performance.now(), why };
    throw new CacheError('store-unavailable', `There is no room for the blob: ${why}`, { retryAfterMs, isLocal: true });
  }

  async function take(claim: Taken, bytes: number, signal: AbortSignal): Promise<() => void> {
    const waiter = { bytes };
    const sinceMs = performance.now();
    try {
      for (;;) {
        signal.throwIfAborted();
        const seen = await disk.look(bytes);
        // From here to the grant nothing is awaited, so that no two take the same room.
        const shortage = seen && shortageOf(bytes, seen);
        if (shortage !== undefined && seen?.held === undefined) continue;
        const nowMs = performance.now();
        const hasWaited = nowMs - Math.max(sinceMs, disk.wentAtMs) >= maxWaitMs || nowMs - sinceMs >= mostWaitMs;
        if (hasWaited && shortage?.isGivenUp === false) gaveUp = { bytes, atMs: nowMs };
        const isOver = hasWaited || shortage?.isGivenUp === true;
        if (shortage === undefined || (shortage.isSmall && isOver)) {
          if (bytes >= (refused?.bytes ?? 0)) refused = undefined;
          claim.bytes += bytes;
          claims.add(claim);
          return () => void (claim.bytes -= bytes);
        }
        if (isOver || shortage.isForGood) refuse(bytes, shortage);
        waiting.add(waiter);
        await ifAnswered(async () => want?.(pendingBytes() + [...waiting].reduce((sum, one) => sum + one.bytes, 0)));
        // The head of the loop rejects with the signal's reason.
        await ifAnswered(() => delay(lookEveryMs, undefined, { signal }));
      }
    } finally {
      if (waiting.delete(waiter) && waiting.size === 0) await ifAnswered(async () => want?.(0));
    }
  }

  return {
    async admit(bytes) {
      const seen = await disk.look(bytes);
      const shortage = seen && shortageOf(bytes, seen);
      if (shortage?.isForGood === true || (shortage?.isGivenUp === true && !shortage.isSmall)) refuse(bytes, shortage);
    },
    open(writtenBytes) {
      const claim = { bytes: 0, writtenBytes };
      return {
        take: (bytes, signal) => take(claim, bytes, signal),
        close: () => void claims.delete(claim),
      };
    },
    get full() {
      if (refused === undefined || disk.wentAtMs > refused.atMs) return undefined;
      return performance.now() - refused.atMs < giveUpForMs ? refused.why : undefined;
    },
  };
}

type WatchOptions = Pick<DiskRoomOptions, 'space' | 'heldBytes' | 'minFree'>;

/** The disk as it was last seen, and when something last went from it. */
function watchDisk({ space, heldBytes, minFree }: WatchOptions, pendingBytes: () => number) {
  let heldBefore = 0;
  /** Since something went. */
  let leastLeft = Infinity;
  let wentAtMs = -Infinity;

  return {
    get wentAtMs() {
      return wentAtMs;
    },
    /** `undefined`: it is not known. The index, which may be far away, is not called while there is plenty. */
    async look(bytes: number): Promise<Look | undefined> {
      const seen = await ifAnswered(space);
      if (seen === undefined || seen.freeBytes - pendingBytes() - bytes >= mostMinFreeBytes(minFree, seen.totalBytes))
        return seen && { ...seen, held: undefined };
      // An index that does not answer is no sign that something went.
      const held = (await ifAnswered(async () => heldBytes?.())) ?? heldBefore;
      const left = seen.freeBytes - pendingBytes();
      const lacking = minFreeBytes(minFree, seen, held) + bytes - left;
      leastLeft = Math.min(leastLeft, left);
      if (held < heldBefore || (lacking > 0 && left - leastLeft >= lacking * fairShare)) {
        wentAtMs = performance.now();
        leastLeft = left;
      }
      heldBefore = held;
      return { ...seen, held };
    },
  };
}

/** A file system or an index that does not answer is no reason to refuse anything. */
async function ifAnswered<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch {
    return undefined;
  }
}
