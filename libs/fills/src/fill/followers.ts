// Followers read from a fill in progress, each at its own offset. They never slow the fill down, and each waits only for its own
// bytes. Bytes that are not in the fill's window come by side reads.
import type { CrcTable } from '@cistern/oci';
import { untilAborted } from '@cistern/runtime';
import type { SourceReader } from '@cistern/streams';
import type { FillBody } from './fill-body.ts';

export interface FillReaderOptions {
  readonly body: FillBody;
  readonly toExclusive: number;
  /**
   * True if the end of the blob is withheld until the blob is verified. False for a small range, which is sent without
   * verification.
   */
  readonly verified: boolean;
  /**
   * Called when the bytes that the follower needs are missing. Returns a side read of these bytes, which the follower closes.
   * Returns `undefined` if the follower should wait, because the bytes will arrive here.
   */
  readonly openSideRead: (from: number, toExclusive: number) => SourceReader | undefined;
  readonly follower: Follower;
  /** Called when the follower has read a segment to its end, or leaves. */
  readonly onPassed?: (() => void) | undefined;
}

/** One active reader. */
export interface Follower {
  position: number;
  leave(): void;
}

export type Followers = ReturnType<typeof createFollowers>;

export function createFollowers() {
  const here = new Set<Follower>();
  let idle: { readonly ms: number; readonly onIdle: () => void } | undefined;
  let timer: NodeJS.Timeout | undefined;
  let onNone: (() => void) | undefined;

  const check = () => {
    clearTimeout(timer);
    if (here.size > 0) return;
    onNone?.();
    onNone = undefined;
    if (idle !== undefined) timer = setTimeout(idle.onIdle, idle.ms);
  };

  /** Calls `onIdle` each time when there has been no follower for `ms`. */
  const watchIdle = (ms: number, onIdle: () => void) => {
    idle = { ms, onIdle };
    check();
  };
  const stopWatching = () => {
    idle = undefined;
    clearTimeout(timer);
  };

  return {
    get count(): number {
      return here.size;
    },
    /**
     * Returns the distance in bytes from the nearest follower before `end` to `start`. It is 0 for a follower within the range.
     * Infinity means that no follower needs these bytes.
     */
    needs(start: number, end: number): number {
      let least = Infinity;
      for (const { position } of here) if (position < end) least = Math.min(least, Math.max(0, start - position));
      return least;
    },
    /** The position of the follower that has read furthest. Infinity means that there is no follower. */
    get foremost(): number {
      let foremost = -1;
      for (const { position } of here) foremost = Math.max(foremost, position);
      return foremost < 0 ? Infinity : foremost;
    },
    enter(position: number): Follower {
      const follower: Follower = {
        position,
        leave() {
          if (here.delete(follower)) check();
        },
      };
      here.add(follower);
      clearTimeout(timer);
      return follower;
    },
    watchIdle,
    stopWatching,
    /** Resolves when there has been no follower for `quietMs`, after `maxMs`, or when `signal` is aborted. */
    async untilQuiet(quietMs: number, maxMs: number, signal: AbortSignal): Promise<void> {
      const { promise, resolve } = Promise.withResolvers<void>();
      const onAbort = () => resolve();
      const longest = setTimeout(resolve, maxMs);
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) resolve();
      watchIdle(quietMs, resolve);
      await promise;
      stopWatching();
      clearTimeout(longest);
      signal.removeEventListener('abort', onAbort);
    },
    /** Calls `callback` one time, as soon as there is no follower. */
    whenNone(callback: () => void): void {
      onNone = callback;
      check();
    },
  };
}

/** Opens a reader of a fill's bytes. `read` rejects with `SourceInterrupted` if the next bytes must be read elsewhere. */
export function openFillReader(options: FillReaderOptions): SourceReader {
  const { body, verified, openSideRead, follower } = options;
  const { segments } = body;
  const closing = new AbortController();
  const { signal } = closing;
  let sideRead: SourceReader | undefined;
  let table: CrcTable | undefined;

  /** Returns 0 if the bytes have been freed meanwhile. */
  const readHere = async (into: Uint8Array) => {
    const { position } = follower;
    const segment = segments.holding(position);
    try {
      return await segments.read(position, into);
    } catch (error) {
      if (segment.isFreed) return 0;
      throw error;
    }
  };

  const readFromSide = async (reader: SourceReader, into: Uint8Array) => {
    const length = await reader.read(into);
    if (length > 0) return length;
    await reader.close();
    sideRead = undefined;
    return 0;
  };

  return {
    isUnverified: verified,
    async read(into) {
      for (;;) {
        signal.throwIfAborted();
        const { position } = follower;
        const toExclusive = Math.min(options.toExclusive, body.size);
        if (position >= toExclusive) return 0;
        body.checkReadable();
        const end = verified ? Math.min(toExclusive, body.openEnd) : toExclusive;
        const here = Math.min(segments.presentEnd(position), end) - position;
        if (here <= 0) body.checkComing();
        if (here <= 0 && position < end) sideRead ??= openSideRead(position, end);
        let length = 0;
        if (sideRead !== undefined) length = await readFromSide(sideRead, into);
        else if (here > 0) length = await readHere(into.subarray(0, here));
        // There was no `await` since the check above, so no change is missed.
        else await untilAborted(body.changed, signal);
        signal.throwIfAborted();
        follower.position += length;
        if (Math.floor(position / segments.segmentBytes) < Math.floor(follower.position / segments.segmentBytes))
          options.onPassed?.();
        if (length > 0) return length;
      }
    },
    async table() {
      // The caller needs the table only for the last bytes of the blob.
      const isWaitedFor = verified && options.toExclusive >= body.size;
      if (!isWaitedFor && !body.verified) return undefined;
      // Waits until the body is verified. A verified body never becomes unverified again.
      while (!body.verified) {
        body.checkComing();
        await untilAborted(body.changed, signal);
      }
      table ??= segments.table;
      return table;
    },
    async close() {
      if (signal.aborted) return;
      closing.abort(new Error('the reader was closed'));
      await sideRead?.close();
      follower.leave();
      options.onPassed?.();
    },
  };
}
