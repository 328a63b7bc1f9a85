// One blob, many readers: whoever reads the same digest at about the same place shares one stream and its buffers. A
// reader attaches to the window that covers its position, or opens one there; cast out of it, it does the same again.
import type { BufferPool } from './buffer-pool.ts';
import { CacheError, isCacheError } from '@cistern/errors';
import type { ByteSource, Verification } from './byte-source.ts';
import { type Chunk, type Member, type Window, openWindow } from './window.ts';

export interface SharedReader {
  /** Resolves when `next` has something to give at once; rejects with what went wrong before the first byte. */
  ready(): Promise<void>;
  /**
   * As `BlobStream.next`. The end of the whole comes only if everything that this reader got, from however many streams,
   * has been proven.
   */
  next(): Promise<Uint8Array | undefined>;
  close(): void;
}

export interface SharedReads {
  /**
   * A reader of `[from, toExclusive)`. `key` names the bytes and where they come from: the first asker's `source` serves
   * all of the same key until the last has closed.
   */
  attach(key: string, source: ByteSource, from: number, toExclusive: number): SharedReader;
  /** Windows open now; 0 when nobody reads. */
  readonly windows: number;
}

export interface SharedReadsOptions {
  readonly pool: BufferPool;
  readonly onCastOut: () => void;
  /** How long one reader may hold the others up, while few have been cast out. */
  readonly patienceMs?: number;
  /** Read-ahead of a window with more than one reader, in chunks. */
  readonly maxChunks?: number;
}

/**
 * Where many are cast out it is the machine that is slow, not they: each stream more would make it slower still. A reader
 * that is slow by itself costs the others this patience only once. In multiples of what one window has.
 */
const mostPatience = 8;
/** A reader among many takes a chunk as seldom as all of them: it holds the others up only after several times that. */
const patienceChunks = 4;
const halfwayPatienceMs = 30_000;
const halfwayPauseMs = 1_000;

export function createSharedReads(options: SharedReadsOptions): SharedReads {
  const { pool, onCastOut, patienceMs = 250, maxChunks = 8 } = options;
  const byKey = new Map<string, Set<Window>>();
  let open = 0;

  const join = (key: string, source: ByteSource, member: Member): Window => {
    const windows = byKey.get(key) ?? new Set();
    byKey.set(key, windows);
    const covering = [...windows].filter((window) => window.covers(member.position)).sort((a, b) => b.head - a.head)[0];
    if (covering !== undefined) {
      covering.join(member);
      return covering;
    }
    open += 1;
    const window = openWindow({
      source,
      from: member.position,
      pool,
      patienceMs(chunkMs) {
        const ms = Math.max(patienceMs * (1 + (windows.size - 1) / 2) ** 2, chunkMs * patienceChunks);
        return Math.min(patienceMs * mostPatience, ms);
      },
      maxChunks,
      coveredElsewhere(position) {
        for (const other of windows)
          if (other !== window && other.covers(position) && other.head > position) return true;
        return false;
      },
      headElsewhere() {
        let furthest = 0;
        for (const other of windows) if (other !== window) furthest = Math.max(furthest, other.head);
        return furthest;
      },
      onCastOut,
      onEnd() {
        open -= 1;
        windows.delete(window);
        if (windows.size === 0 && byKey.get(key) === windows) byKey.delete(key);
      },
    });
    windows.add(window);
    window.join(member);
    return window;
  };

  return {
    attach: (key, source, from, toExclusive) =>
      createReader({ from, toExclusive, size: source.size, pool, join: (member) => join(key, source, member) }),
    get windows() {
      return open;
    },
  };
}

interface ReaderOptions {
  readonly from: number;
  readonly toExclusive: number;
  readonly size: number;
  readonly pool: BufferPool;
  readonly join: (member: Member) => Window;
}

function createReader({ from, toExclusive, size, pool, join }: ReaderOptions): SharedReader {
  const proofs = new Set<Verification>();
  let held: Chunk | undefined;
  let window: Window | undefined;
  let closed = false;
  let wake: (() => void) | undefined;
  let waitingSinceMs: number | undefined;
  const member: Member = {
    position: from,
    endExclusive: toExclusive,
    wake() {
      wake?.();
      wake = undefined;
    },
  };

  const releaseHeld = () => {
    if (held === undefined) return;
    held.holders -= 1;
    if (held.holders === 0) pool.give(held.buffer);
    held = undefined;
  };

  const close = () => {
    if (closed) return;
    closed = true;
    releaseHeld();
    window?.leave(member);
    member.wake();
  };

  const checkOpen = () => {
    if (closed) throw new Error('the reader was closed');
  };

  /** What a stream gave may turn out wrong after the reader has left it for another one. */
  const checkProofs = async (needed: 'proven' | 'not lost') => {
    for (const verification of proofs) {
      const state = await verification(needed);
      if (state === 'lost' || (state === 'open' && needed === 'proven'))
        throw new CacheError('content-mismatch', 'What was sent before could not be verified.', { retryable: true });
    }
    checkOpen();
  };

  /**
   * Who is halfway through waits for an index or a store that is away: its client could not be told in words any more. Not
   * with bytes that nobody will ever prove.
   */
  const mayWait = async (error: unknown) => {
    if (member.position === from || !isCacheError(error, 'index-unavailable', 'store-unavailable')) return false;
    waitingSinceMs ??= performance.now();
    if (performance.now() - waitingSinceMs > halfwayPatienceMs) return false;
    for (const verification of proofs) if ((await verification('not lost')) === 'lost') return false;
    return true;
  };

  const rest = async (ms: number) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    wake = resolve;
    const timer = setTimeout(resolve, ms);
    await promise;
    clearTimeout(timer);
  };

  /** The chunk at the reader's position, as soon as there is one. */
  const arrival = async (): Promise<Chunk> => {
    for (;;) {
      checkOpen();
      if (!window?.has(member)) {
        if (proofs.size > 0) await checkProofs('not lost');
        window = join(member);
      }
      try {
        const chunk = window.chunkAt(member.position);
        if (chunk !== undefined) return chunk;
      } catch (error) {
        if (!(await mayWait(error))) throw error;
        checkOpen();
        window.leave(member);
        window = undefined;
        await rest(halfwayPauseMs);
        continue;
      }
      if (!window.has(member)) continue;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };

  return {
    async ready() {
      if (member.position < toExclusive) await arrival();
    },
    async next() {
      releaseHeld();
      if (closed || member.position >= toExclusive) {
        close();
        return undefined;
      }
      if (window?.has(member)) window.advance();
      held = await arrival();
      waitingSinceMs = undefined;
      held.holders += 1;
      if (held.verification !== undefined) proofs.add(held.verification);
      if (toExclusive === size && held.offset + held.length >= size) await checkProofs('proven');
      const start = member.position - held.offset;
      const bytes = held.buffer.subarray(start, Math.min(held.length, toExclusive - held.offset));
      member.position += bytes.length;
      return bytes;
    },
    close,
  };
}
