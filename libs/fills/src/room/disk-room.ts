// Space on a file system for fetched blobs. It is freed and reserved before a client gets its first byte, so that a full disk
// does not break off a body.
import { setTimeout as delay } from 'node:timers/promises';
import type { DiskSpace } from '@cistern/blob-store';
import { CacheError } from '@cistern/errors';
import { findShortage, type MinFree, minFreeBytes, mostMinFreeBytes, type Shortage } from './min-free.ts';

export interface DiskRoom {
  /**
   * Checks a size that upstream has not confirmed. It does not wait, reserves nothing and evicts nothing. Rejects with
   * `store-unavailable` if the size can never fit, or a fetch of at most that size recently waited without success.
   */
  admit(bytes: number): Promise<void>;
  /** Opens a claim for one file. `writtenBytes` returns the bytes that are on the disk already. */
  open(writtenBytes: () => number): DiskClaim;
  /** The reason why fetches are refused for lack of space. `undefined` means that they are not. */
  readonly full: string | undefined;
}

export interface DiskClaim {
  /**
   * Reserves space, and resolves with the function that returns it. Waits while eviction or the end of other fetches frees space:
   * ten seconds after the last change, thirty in total. Rejects with `store-unavailable` if there is none, or the signal's
   * reason.
   */
  take(bytes: number, signal: AbortSignal): Promise<() => void>;
  close(): void;
}

export interface DiskRoomOptions {
  /** Names the directory in errors, with its setting. */
  readonly name: string;
  /** A file system that cannot be queried, or does not report its size, refuses nothing. */
  readonly space: () => Promise<DiskSpace | undefined>;
  readonly minFree: MinFree;
  /** Returns the most bytes that eviction could remove. Unset means none. */
  readonly heldBytes?: () => Promise<number>;
  /** Lets eviction free this many bytes. Called again while a fetch waits, and with 0 when no fetch waits any more. */
  readonly want?: (bytes: number) => Promise<void>;
}

interface Measurement extends DiskSpace {
  /** `undefined` means that it was not queried. */
  readonly held: number | undefined;
}

interface Taken {
  bytes: number;
  readonly writtenBytes: () => number;
}

/** Longer than a victim's grace period and two steps of the evictor. */
const maxWaitMs = 10_000;
/** A waiting fetch holds a slot. */
const mostWaitMs = 30_000;
const measureEveryMs = 200;
/** A share of the bytes that a fetch lacks. On a busy disk less than that comes and goes. */
const fairShare = 0.25;
/** After a wait without success no fetch of that size waits for this long, unless space is freed after all. */
const giveUpForMs = 60_000;
const retryAfterMs = 30_000;

export function createDiskRoom(options: DiskRoomOptions): DiskRoom {
  const { name, minFree, want } = options;
  const claims = new Set<Taken>();
  const waiting = new Set<{ readonly bytes: number }>();
  let gaveUp = { bytes: Infinity, atMs: -Infinity };
  let refused: { readonly bytes: number; readonly atMs: number; readonly why: string } | undefined;

  const sumOf = (bytesOf: (claim: Taken) => number) => [...claims].reduce((sum, claim) => sum + bytesOf(claim), 0);
  /** Returns the bytes that are reserved and not on the disk yet. */
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
    // A blob that is too large for the whole file system does not show how full that is.
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
        // Nothing is awaited from here to the grant, so that no two fetches reserve the same space.
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
  /** Since space was last freed. */
  let leastLeft = Infinity;
  let freedAtMs = -Infinity;

  return {
    get freedAtMs() {
      return freedAtMs;
    },
    /** Returns `undefined` if the state is unknown. While there is plenty, it does not query the index, which may be far away. */
    async measure(bytes: number): Promise<Measurement | undefined> {
      const seen = await ifAnswered(space);
      if (seen === undefined || seen.freeBytes - pendingBytes() - bytes >= mostMinFreeBytes(minFree, seen.totalBytes))
        return seen && { ...seen, held: undefined };
      // An index that does not respond does not mean that space was freed.
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

/** Ignores errors: a file system or an index that does not respond is no reason to refuse anything. */
async function ifAnswered<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch {
    return undefined;
  }
}
