// Where fills keep their bytes while they run. Space is reserved before a body is read; what an earlier process left is
// removed at the start.
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CacheError } from '@cistern/errors';
import type { DiskClaim, DiskRoom } from '../room/disk-room.ts';
import { type Spool, openSpool } from './spool.ts';

export interface SpoolDirectory {
  /**
   * Opens a spool for a blob of `size` bytes, of which `reserveBytes` are reserved (default: all); waits, up to half a
   * minute, while the fills in flight leave no room. Rejects with `overloaded` when there is none, with `too-large` when
   * there can never be, and with `store-unavailable` where the disk has none or the file cannot be made. The opener closes it.
   */
  open(name: string, size: number, signal: AbortSignal, reserveBytes?: number): Promise<Spool>;
  /**
   * Rejects as `open` does for a blob that is too large for the spool, or that the disk cannot hold. Waits for nothing and takes no
   * room. Called before upstream is asked, with a size that nobody has confirmed.
   */
  admit(bytes: number): Promise<void>;
  /** Why `open` would wait now; `undefined`: it would not, as far as `maxBytes` goes. */
  findShortage(bytes: number): CacheError | undefined;
  readonly maxBytes: number;
  readonly usedBytes: number;
  /** Somebody waits for room. */
  readonly isWaitedFor: boolean;
}

const suffix = '.fill';
const maxWaitMs = 30_000;

interface SpoolDirectoryOptions {
  /** Told whenever `usedBytes` has changed. */
  readonly onUsed?: (usedBytes: number) => void;
  /** Other processes spool there too. If not, what is left of an earlier run is removed. */
  readonly isShared?: boolean;
  /** Of the file systems that get what is spooled. Default: there is always room. */
  readonly disk?: DiskRoom;
}

export async function openSpoolDirectory(
  path: string,
  maxBytes: number,
  { onUsed = () => {}, isShared = false, disk }: SpoolDirectoryOptions = {},
): Promise<SpoolDirectory> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  if (!isShared)
    for (const name of await readdir(path)) if (name.endsWith(suffix)) await rm(join(path, name), { force: true });
  const reservations = createReservations(maxBytes, onUsed);
  return {
    maxBytes,
    async open(name, size, signal, reserveBytes = size) {
      let present: Spool['present'] | undefined;
      const room = openRoom(
        size,
        reservations,
        disk?.open(() => present?.covered ?? 0),
      );
      try {
        await room.reserve(reserveBytes, signal);
        const spool = await openSpool(join(path, `${name}${suffix}`), size, room.giveBack);
        ({ present } = spool);
        return { ...spool, reserve: room.reserve };
      } catch (error) {
        room.giveBack();
        throw error;
      }
    },
    async admit(bytes) {
      if (bytes > maxBytes) throw tooLarge(bytes, maxBytes);
      await disk?.admit(bytes);
    },
    findShortage(bytes) {
      const { usedBytes, isWaitedFor } = reservations;
      return isWaitedFor || usedBytes + bytes > maxBytes ? noRoom(bytes, usedBytes, maxBytes) : undefined;
    },
    get usedBytes() {
      return reservations.usedBytes;
    },
    get isWaitedFor() {
      return reservations.isWaitedFor;
    },
  };
}

/** What one spool has reserved, up to its size. */
function openRoom(size: number, { take }: ReturnType<typeof createReservations>, claim: DiskClaim | undefined) {
  const releases: (() => void)[] = [];
  let reserved = 0;
  let closed = false;

  const giveBack = () => {
    closed = true;
    for (const release of releases.splice(0)) release();
    claim?.close();
  };

  const reserve = async (moreBytes: number, signal: AbortSignal) => {
    const more = Math.min(moreBytes, size - reserved);
    if (more <= 0) return;
    reserved += more;
    let release: (() => void) | undefined;
    try {
      release = await take(more, reserved - more, signal);
      await claim?.take(more, signal);
      releases.push(release);
    } catch (error) {
      release?.();
      reserved -= more;
      throw error;
    }
    if (closed) giveBack();
  };

  return { reserve, giveBack };
}

/** Whoever came first gets room first, so that a large blob is not starved by small ones. */
function createReservations(maxBytes: number, onUsed: (usedBytes: number) => void) {
  const waiting: { size: number; grant: () => void }[] = [];
  let used = 0;

  const grantNext = () => {
    while (waiting[0] !== undefined && used + waiting[0].size <= maxBytes) {
      const { size, grant } = waiting.shift()!;
      used += size;
      grant();
    }
    onUsed(used);
  };

  return {
    /** For who holds `heldBytes` already. Resolves with the function that gives the room back. */
    async take(size: number, heldBytes: number, signal: AbortSignal): Promise<() => void> {
      const wanted = heldBytes + size;
      if (wanted > maxBytes) throw tooLarge(wanted, maxBytes);
      signal.throwIfAborted();
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const request = { size, grant: resolve };
      const leave = (error: unknown) => {
        const at = waiting.indexOf(request);
        if (at === -1) return;
        waiting.splice(at, 1);
        reject(error);
        grantNext();
      };
      const onAbort = () => leave(signal.reason);
      const timer = setTimeout(() => leave(noRoom(wanted, used, maxBytes)), maxWaitMs);
      signal.addEventListener('abort', onAbort, { once: true });
      waiting.push(request);
      grantNext();
      try {
        await promise;
      } finally {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
      }
      return () => {
        used -= size;
        grantNext();
      };
    },
    get usedBytes() {
      return used;
    },
    get isWaitedFor() {
      return waiting.length > 0;
    },
  };
}

function noRoom(bytes: number, used: number, maxBytes: number): CacheError {
  const message = `The spool has no room for ${bytes} bytes of a blob: ${used} of ${maxBytes} are in use (worker.spool.maxbytes).`;
  return new CacheError('overloaded', message, { retryable: true, retryAfterMs: 5_000, isLocal: true });
}

/** The error for a blob that the spool can never hold. A kind of its own: another try cannot succeed. */
function tooLarge(bytes: number, maxBytes: number): CacheError {
  const message = `The spool cannot hold ${bytes} bytes of a blob, only ${maxBytes}. Raise worker.spool.maxbytes.`;
  return new CacheError('too-large', message, { isLocal: true });
}
