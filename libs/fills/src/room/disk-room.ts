// Space on a file system for fetched blobs. The space is freed and reserved before a client gets its first byte. Therefore a
// full disk never breaks off a response.
import { setTimeout as delay } from 'node:timers/promises';
import type { DiskSpace } from '@cistern/blob-store';
import { CacheError } from '@cistern/errors';
import { findShortage, type MinFree, minFreeBytes, mostMinFreeBytes, type Shortage } from './min-free.ts';

export interface DiskRoom {
  /**
   * Checks a size that upstream has not confirmed. It does not wait, reserves nothing and evicts nothing. Rejects with
   * `store-unavailable` if the size can never fit. Also rejects if a fetch of this size or a smaller one has recently waited
   * for space without success.
   */
  admit(bytes: number): Promise<void>;
  /** Opens a claim for one file. `writtenBytes` returns the bytes that are on the disk already. */
  open(writtenBytes: () => number): DiskClaim;
  /**
   * The reason why fetches are rejected for lack of space. `undefined` means that no fetch was rejected in the last minute, or
   * that space was freed since then.
   */
  readonly full: string | undefined;
}

export interface DiskClaim {
  /**
   * Reserves space, and resolves to the function that gives it back. Waits while eviction or the end of other fetches frees
   * space, for ten seconds after space was last freed and for thirty seconds in total. Rejects with `store-unavailable` if
   * there is still no space, and with the signal's reason.
   */
  take(bytes: number, signal: AbortSignal): Promise<() => void>;
  close(): void;
}

export interface DiskRoomOptions {
  /** The name of the directory and its setting, for errors. */
  readonly name: string;
  /** Measures the file system. If it rejects or resolves to `undefined`, no fetch is rejected. */
  readonly space: () => Promise<DiskSpace | undefined>;
  readonly minFree: MinFree;
  /** Returns the most bytes that eviction could remove. Unset means none. */
  readonly heldBytes?: () => Promise<number>;
  /**
   * Requests that eviction frees this many bytes. Called repeatedly while a fetch waits, and with 0 when no fetch waits any
   * more.
   */
  readonly want?: (bytes: number) => Promise<void>;
}

interface Measurement extends DiskSpace {
  /** The bytes that eviction could remove. `undefined` means that they were not queried. */
  readonly held: number | undefined;
}

interface Taken {
  bytes: number;
  readonly writtenBytes: () => number;
}

/** Longer than the time for which recent use protects content, plus two steps of eviction. */
const maxWaitMs = 10_000;
/** Limited, because a waiting fetch occupies a job slot of the worker. */
const mostWaitMs = 30_000;
const measureEveryMs = 200;
/**
 * Space counts as freed only if it is at least this share of the bytes that a fetch lacks. On a busy disk, smaller changes are
 * normal.
 */
const fairShare = 0.25;
/**
 * After a fetch has waited without success, fetches of its size or larger do not wait during this time, unless space is freed.
 */
const giveUpForMs = 60_000;
const retryAfterMs = 30_000;

export function createDiskRoom(options: DiskRoomOptions): DiskRoom {
  const { name, minFree, want } = options;
  const claims = new Set<Taken>();
  const waiting = new Set<{ readonly bytes: number }>();
  let gaveUp = { bytes: Infinity, atMs: -Infinity };
  let refused: { readonly bytes: number; readonly atMs: number; readonly why: string } | undefined;

  const sumOf = (bytesOf: (claim: Taken) => number) => [...claims].reduce((sum, claim) => sum + bytesOf(claim), 0);
  /** Returns the number of bytes that are reserved but not on the disk yet. */
  const pendingBytes = () => sumOf((claim) => Math.max(0, claim.bytes - claim.writtenBytes()));
  const disk = watchDisk(options, pendingBytes);

  /** Returns `undefined` if there is space. */
  function shortageOf(bytes: number, seen: Measurement) {
    const writtenBytes = sumOf((claim) => claim.writtenBytes());
    const shortage = findShortage(name, minFree, bytes, { ...seen, pendingBytes: pendingBytes(), writtenBytes });
    if (shortage === undefined) return undefined;
    const hasGivenUp = bytes >= gaveUp.bytes && gaveUp.atMs > disk.freedAtMs;
    return { ...shortage, isGivenUp: hasGivenUp && performance.now() - gaveUp.atMs < giveUpForMs };
  }

  function refuse(bytes: number, { isOversized, why }: Shortage): never {
    // If the blob is larger than the whole file system, the rejection does not mean that the disk is full.
    if (!isOversized) refused = { bytes, atMs: performance.now(), why };
    throw new CacheError('store-unavailable', `There is not enough space for the blob: ${why}`, {
      retryAfterMs,
      isLocal: true,
    });
  }

  async function take(claim: Taken, bytes: number, signal: AbortSignal): Promise<() => void> {
    const waiter = { bytes };
    const sinceMs = performance.now();
    try {
      for (;;) {
        signal.throwIfAborted();
        const seen = await disk.measure(bytes);
        // There is no `await` from here to the reservation, so that no two fetches reserve the same space.
        const shortage = seen && shortageOf(bytes, seen);
        if (shortage !== undefined && seen?.held === undefined) continue;
        const nowMs = performance.now();
        const hasWaited = nowMs - Math.max(sinceMs, disk.freedAtMs) >= maxWaitMs || nowMs - sinceMs >= mostWaitMs;
        if (hasWaited && shortage?.isGivenUp === false) gaveUp = { bytes, atMs: nowMs };
        const isOver = hasWaited || shortage?.isGivenUp === true;
        if (shortage === undefined || (shortage.isSmall && isOver)) {
          if (bytes >= (refused?.bytes ?? 0)) refused = undefined;
          claim.bytes += bytes;
          claims.add(claim);
          return () => void (claim.bytes -= bytes);
        }
        if (isOver || shortage.isPermanent) refuse(bytes, shortage);
        waiting.add(waiter);
        await ifAnswered(async () => want?.(pendingBytes() + [...waiting].reduce((sum, one) => sum + one.bytes, 0)));
        // The start of the loop throws the signal's reason.
        await ifAnswered(() => delay(measureEveryMs, undefined, { signal }));
      }
    } finally {
      if (waiting.delete(waiter) && waiting.size === 0) await ifAnswered(async () => want?.(0));
    }
  }

  return {
    async admit(bytes) {
      const seen = await disk.measure(bytes);
      const shortage = seen && shortageOf(bytes, seen);
      if (shortage?.isPermanent === true || (shortage?.isGivenUp === true && !shortage.isSmall))
        refuse(bytes, shortage);
    },
    open(writtenBytes) {
      const claim = { bytes: 0, writtenBytes };
      return {
        take: (bytes, signal) => take(claim, bytes, signal),
        close: () => void claims.delete(claim),
      };
    },
    get full() {
      if (refused === undefined || disk.freedAtMs > refused.atMs) return undefined;
      return performance.now() - refused.atMs < giveUpForMs ? refused.why : undefined;
    },
  };
}

type WatchOptions = Pick<DiskRoomOptions, 'space' | 'heldBytes' | 'minFree'>;

/** Tracks the last measured state of the disk, and the time at which space was last freed. */
function watchDisk({ space, heldBytes, minFree }: WatchOptions, pendingBytes: () => number) {
  let heldBefore = 0;
  /** The least space left since space was last freed. */
  let leastLeft = Infinity;
  let freedAtMs = -Infinity;

  return {
    get freedAtMs() {
      return freedAtMs;
    },
    /**
     * Returns `undefined` if the file system cannot be measured. While there is plenty of space, it does not query the index,
     * because a query takes time.
     */
    async measure(bytes: number): Promise<Measurement | undefined> {
      const seen = await ifAnswered(space);
      if (seen === undefined || seen.freeBytes - pendingBytes() - bytes >= mostMinFreeBytes(minFree, seen.totalBytes))
        return seen && { ...seen, held: undefined };
      // If the index does not respond, the last known value is used. Otherwise the missing value would look like freed space.
      const held = (await ifAnswered(async () => heldBytes?.())) ?? heldBefore;
      const left = seen.freeBytes - pendingBytes();
      const lacking = minFreeBytes(minFree, seen, held) + bytes - left;
      leastLeft = Math.min(leastLeft, left);
      if (held < heldBefore || (lacking > 0 && left - leastLeft >= lacking * fairShare)) {
        freedAtMs = performance.now();
        leastLeft = left;
      }
      heldBefore = held;
      return { ...seen, held };
    },
  };
}

/** Ignores errors, because no fetch is rejected when a file system or the index does not respond. */
async function ifAnswered<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch {
    return undefined;
  }
}
