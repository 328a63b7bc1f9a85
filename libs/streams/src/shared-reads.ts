// Readers of the same blob at about the same position share one stream and its buffers. Such a group is called a window. A reader
// joins the window that covers its position, or opens a new window there. A reader that is removed from its window does this
// again.
import { CacheError, isCacheError } from '@cistern/errors';
import { type CrcTable, segmentBytesOf } from '@cistern/oci';
import { type BufferPool, partOf } from './buffer-pool.ts';
import type { ByteSource } from './byte-source.ts';
import { SegmentSums } from './segment-sums.ts';
import { type Chunk, type Member, Window } from './window.ts';

export interface SharedReader {
  /** Resolves when `next` can return bytes immediately. Rejects if the source fails before the first byte. */
  ready(): Promise<void>;
  /**
   * Returns the next bytes, or `undefined` at the end; a promise of them if they are not in memory. They are valid until the next
   * call of `next` or `close`. Before the last bytes of the blob, it compares every segment that this reader got with the
   * verified blob. Throws or rejects with `content-mismatch` if one differs.
   */
  next(): Uint8Array | undefined | Promise<Uint8Array | undefined>;
  close(): void;
}

export interface SharedReads {
  /**
   * Opens a reader of `[from, toExclusive)`. `key` identifies the bytes and their source. A new window uses the `source` of the
   * reader that opens it, for all its readers.
   */
  attach(key: string, source: ByteSource, from: number, toExclusive: number): SharedReader;
  /** Number of open windows. 0 means that there are no readers. */
  readonly windows: number;
}

export interface SharedReadsOptions {
  readonly pool: BufferPool;
  readonly onCastOut: () => void;
  /** The time for which one reader may block the others, if few windows are open. */
  readonly patienceMs?: number;
  /** Number of chunks that a window with several readers reads ahead. */
  readonly maxChunks?: number;
}

export function createSharedReads(options: SharedReadsOptions): SharedReads {
  const { pool, onCastOut, patienceMs = 250, maxChunks = 8 } = options;
  const byKey = new Map<string, Set<Window>>();

  function join(key: string, source: ByteSource, member: Member): Window {
    const windows = byKey.get(key) ?? new Set();
    byKey.set(key, windows);
    let covering: Window | undefined;
    for (const window of windows)
      if (window.covers(member.position) && window.head > (covering?.head ?? -1)) covering = window;
    if (covering !== undefined) {
      covering.join(member);
      return covering;
    }
    const window = new Window({
      source,
      from: member.position,
      pool,
      patienceMs: (chunkMs) => patienceWith(windows.size, chunkMs, patienceMs),
      mostSlowdown: () => mostSlowdownWith(windows.size),
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
        windows.delete(window);
        if (windows.size === 0 && byKey.get(key) === windows) byKey.delete(key);
      },
    });
    windows.add(window);
    window.join(member);
    return window;
  }

  return {
    attach(key, source, from, toExclusive) {
      const { size, segmentBytes = segmentBytesOf(size) } = source;
      const sums = new SegmentSums({ size, segmentBytes, from });
      return new Reader({ from, toExclusive, size, sums, pool, join: (member) => join(key, source, member) });
    },
    get windows() {
      return [...byKey.values()].reduce((sum, { size }) => sum + size, 0);
    },
  };
}

/**
 * The largest patience, as a multiple of the patience with one window. The patience grows with the number of windows. If many
 * readers were removed, the machine is slow, and each new stream would make it slower. A reader that really is slow makes the
 * others wait this long only one time.
 */
const mostPatience = 8;
/**
 * With many readers, each reader takes a chunk only as often as the whole group does. So a reader counts as blocking only after
 * this multiple of the group's time per chunk.
 */
const patienceChunks = 4;

/**
 * Returns the time for which one reader may block the others. `windows` is the number of windows, and `chunkMs` the time that all
 * readers together need per chunk.
 */
export function patienceWith(windows: number, chunkMs: number, patienceMs: number): number {
  const ms = Math.max(patienceMs * (1 + (windows - 1) / 2) ** 2, chunkMs * patienceChunks);
  return Math.min(patienceMs * mostPatience, ms);
}

/**
 * Returns how many times slower one reader may make the others. It grows with the number of windows, because each window reads the
 * bytes again. Without this, a hundred equal readers of a blob from S3 read it from there up to eighteen times.
 */
export function mostSlowdownWith(windows: number): number {
  return 3 * windows;
}

const halfwayPatienceMs = 30_000;
const halfwayPauseMs = 1_000;

interface ReaderOptions {
  readonly from: number;
  readonly toExclusive: number;
  readonly size: number;
  readonly sums: SegmentSums;
  readonly pool: BufferPool;
  readonly join: (member: Member) => Window;
}

/** `next` and `close` are own properties, because callers hand them on without the reader. */
class Reader implements Member, SharedReader {
  readonly #options: ReaderOptions;
  #held: Chunk | undefined;
  #window: Window | undefined;
  #isClosed = false;
  #wake: (() => void) | undefined;
  #waitingSinceMs: number | undefined;
  #table: CrcTable | undefined;
  position: number;
  readonly endExclusive: number;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.position = options.from;
    this.endExclusive = options.toExclusive;
  }

  wake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  async ready(): Promise<void> {
    while (this.position < this.endExclusive) {
      const chunk = this.#chunkHere();
      if (!(chunk instanceof Promise)) return;
      await chunk;
    }
  }

  readonly next = (): Uint8Array | undefined | Promise<Uint8Array | undefined> => {
    this.#releaseHeld();
    if (this.#isClosed || this.position >= this.endExclusive) {
      this.close();
      return undefined;
    }
    if (this.#window?.has(this)) this.#window.advance(this);
    const chunk = this.#chunkHere();
    return chunk instanceof Promise || this.#isCompared(chunk) ? this.#nextLater(chunk) : this.#pass(this.#keep(chunk));
  };

  readonly close = (): void => {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#releaseHeld();
    this.#window?.leave(this);
    this.wake();
  };

  async #nextLater(chunk: Chunk | Promise<void>): Promise<Uint8Array> {
    for (;;) {
      if (chunk instanceof Promise) await chunk;
      else if (!this.#isCompared(this.#keep(chunk)) || (await this.#findTable(chunk))) return this.#pass(chunk);
      chunk = this.#chunkHere();
    }
  }

  /** Returns the reader's bytes of a kept chunk, and moves the reader after them. */
  #pass({ buffer, offset, length, crc }: Chunk): Uint8Array {
    const bytes = partOf(buffer.bytes, this.position - offset, Math.min(length, this.endExclusive - offset));
    if (crc === undefined) this.#options.sums.passOver(bytes);
    else this.#options.sums.add(bytes, bytes.length === length ? crc : undefined);
    this.position += bytes.length;
    if (this.position === this.#options.size) this.#compare();
    return bytes;
  }

  /** Protects the buffer of a chunk from reuse until the next call of `next`. */
  #keep(chunk: Chunk): Chunk {
    this.#held = chunk;
    this.#waitingSinceMs = undefined;
    chunk.holders += 1;
    return chunk;
  }

  #releaseHeld(): void {
    const held = this.#held;
    if (held === undefined) return;
    held.holders -= 1;
    if (held.holders === 0) this.#options.pool.give(held.buffer);
    this.#held = undefined;
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new Error('the reader was closed');
  }

  /** Returns the chunk at the reader's position. If it has not arrived, returns a promise after which it may have. */
  #chunkHere(): Chunk | Promise<void> {
    this.#checkOpen();
    let window = this.#window;
    while (window === undefined || !window.has(this)) window = this.#options.join(this);
    this.#window = window;
    try {
      const chunk = window.chunkAt(this.position);
      if (chunk !== undefined) return chunk;
    } catch (error) {
      if (!this.#mayWait(error)) throw error;
      window.leave(this);
      this.#window = undefined;
      return this.#pause(halfwayPauseMs);
    }
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /**
   * Gets the table of the blob, before its last bytes. Resolves to false if the reader was removed from its window meanwhile. The
   * stream may have been closed then, so the reader tries again in another window.
   */
  async #findTable(held: Chunk): Promise<boolean> {
    try {
      this.#table = await held.table?.();
      this.#checkOpen();
      return true;
    } catch (error) {
      if (this.#isClosed || this.#window?.has(this)) throw error;
      this.#releaseHeld();
      return false;
    }
  }

  #isCompared({ offset, length, crc }: Chunk): boolean {
    const { size, sums } = this.#options;
    return this.endExclusive === size && offset + length >= size && (crc !== undefined || !sums.isEmpty);
  }

  /** Called before the blob's last bytes are returned. Compares the segments that this reader got with the verified ones. */
  #compare(): void {
    const { sums } = this.#options;
    if (sums.isEmpty || (this.#table !== undefined && sums.matches(this.#table))) return;
    throw new CacheError('content-mismatch', 'The bytes sent so far differ from the verified blob.', {
      retryable: true,
    });
  }

  /**
   * Returns whether the reader waits for an unavailable index or store. Only a reader in the middle of a blob waits, because its
   * client already has a part of the body.
   */
  #mayWait(error: unknown): boolean {
    const { from } = this.#options;
    if (this.position === from || !isCacheError(error, 'index-unavailable', 'store-unavailable')) return false;
    this.#waitingSinceMs ??= performance.now();
    return performance.now() - this.#waitingSinceMs <= halfwayPatienceMs;
  }

  async #pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = setTimeout(resolve, ms);
    await promise;
    clearTimeout(timer);
  }
}
