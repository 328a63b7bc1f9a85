// Followers: readers at any offset of a fill in flight. They never slow it down, and wait only for their own bytes. The fill
// needs no follower, but its file stays for them. A fill of which only ranges are wanted ends when no follower has come for a
// while.
import type { SourceReader } from '@cistern/streams';
import type { FillBody } from './fill-body.ts';

export interface FillReaderOptions {
  readonly body: FillBody;
  readonly from: number;
  readonly toExclusive: number;
  /** Whether the blob's end waits for verification. A small range is unverified by nature and does not wait. */
  readonly verified: boolean;
  /** Called when the reader has to wait: a fetcher may bring that part sooner. */
  readonly onWait: (offset: number, toExclusive: number) => void;
  readonly onClose: () => void;
}

export function createFollowers() {
  let count = 0;
  let idle: { readonly ms: number; readonly onIdle: () => void } | undefined;
  let timer: NodeJS.Timeout | undefined;
  let onNone: (() => void) | undefined;

  const look = () => {
    clearTimeout(timer);
    if (count > 0) return;
    onNone?.();
    onNone = undefined;
    if (idle !== undefined) timer = setTimeout(idle.onIdle, idle.ms);
  };

  /** Calls `onIdle`, once, when there has been no follower for `ms`. */
  const watchIdle = (ms: number, onIdle: () => void) => {
    idle = { ms, onIdle };
    look();
  };
  const stopWatching = () => {
    idle = undefined;
    clearTimeout(timer);
  };

  return {
    get count(): number {
      return count;
    },
    /** Returns the function to be called when the follower has left. */
    enter(): () => void {
      count += 1;
      clearTimeout(timer);
      let hasLeft = false;
      return () => {
        if (hasLeft) return;
        hasLeft = true;
        count -= 1;
        look();
      };
    },
    watchIdle,
    stopWatching,
    /** Resolves when there has been no follower for `quietMs`, after `maxMs`, or when `signal` is aborted. */
    async gone(quietMs: number, maxMs: number, signal: AbortSignal): Promise<void> {
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
    /** Calls `callback`, once, as soon as there is no follower. */
    whenNone(callback: () => void): void {
      onNone = callback;
      look();
    },
  };
}

/** A reader that needs bytes which come elsewhere now gets `SourceInterrupted`. */
export function openFillReader(options: FillReaderOptions): SourceReader {
  const { body, from, toExclusive, verified, onWait, onClose } = options;
  const closing = new AbortController();
  let position = from;
  const checkOpen = () => {
    if (closing.signal.aborted) throw new Error('the reader was closed');
  };
  return {
    async read(into) {
      for (;;) {
        checkOpen();
        if (position >= toExclusive) return 0;
        const end = verified ? body.readableEnd(position) : body.presentEnd(position);
        const length = Math.min(into.length, end - position, toExclusive - position);
        if (length > 0) {
          const read = await body.spool.read(position, into.subarray(0, length));
          checkOpen();
          position += read;
          return read;
        }
        body.checkMoved();
        if (body.presentEnd(position) === position) onWait(position, toExclusive);
        await body.changeAt(position, closing.signal);
      }
    },
    async close() {
      if (closing.signal.aborted) return;
      closing.abort();
      onClose();
    },
    verification: verified ? async () => (body.verified ? 'proven' : body.failed ? 'lost' : 'open') : undefined,
  };
}
