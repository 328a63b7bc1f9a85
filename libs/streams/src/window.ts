// A window is one stream from a source, with a bounded run of chunks that all readers near its position share. Its readers set
// the pace. A reader that blocks the others for longer than `patienceMs` is removed and continues on its own.
import { crc32 } from 'node:zlib';
import { type BufferPool, mayKeep, mostChunks } from './buffer-pool.ts';
import type { ByteSource, SourceReader } from './byte-source.ts';

/** A chunk in use. `holders` counts the window and every reader that writes it out. At 0 its buffer is reused. */
export interface Chunk {
  readonly buffer: Buffer;
  readonly offset: number;
  readonly length: number;
  /** CRC-32 of its bytes, if they have not been verified yet. */
  readonly crc: number | undefined;
  readonly table: SourceReader['table'];
  holders: number;
}

/** A reader, from its window's point of view. */
export interface Member {
  readonly position: number;
  readonly endExclusive: number;
  /** Called when there may be more to read, or when the member has been removed or the window has ended. */
  wake(): void;
}

export interface WindowOptions {
  readonly source: ByteSource;
  readonly from: number;
  readonly pool: BufferPool;
  /** Called when a member begins to block the others. `chunkMs` is the time that all of them together need per chunk. */
  readonly patienceMs: (chunkMs: number) => number;
  readonly maxChunks: number;
  /** True if another window covers `position` and is ahead of it. This one then ends there, and its readers move over. */
  readonly coveredElsewhere: (position: number) => boolean;
  /** Returns the furthest position of another window, or 0 if there is none. */
  readonly headElsewhere: () => number;
  readonly onCastOut: () => void;
  readonly onEnd: () => void;
}

interface Stream {
  readonly reader: SourceReader;
  readonly endExclusive: number;
}

/** Number of chunks in their average duration. */
const paceChunks = 8;

export class Window {
  readonly #options: WindowOptions;
  readonly #members = new Set<Member>();
  readonly #chunks: Chunk[] = [];
  /** Aborted when no member is left, because nothing is wanted any more. */
  readonly #ending = new AbortController();
  readonly #pace = createPace();
  #head: number;
  #stream: Stream | undefined;
  #failure: { readonly error: unknown } | undefined;
  #isPumping = false;
  #patience: NodeJS.Timeout | undefined;
  #arrivedAtMs: number | undefined;
  #chunkMs = 0;

  constructor(options: WindowOptions) {
    this.#options = options;
    this.#head = options.from;
  }

  /** One past the last byte read so far. */
  get head(): number {
    return this.#head;
  }

  /** Whether this window can serve a reader at `position` without another stream. */
  covers(position: number): boolean {
    if (this.#ending.signal.aborted || this.#failure !== undefined) return false;
    return position >= (this.#chunks[0]?.offset ?? this.#head) && position <= this.#head;
  }

  join(member: Member): void {
    this.#members.add(member);
    void this.#pump();
  }

  leave(member: Member): void {
    if (!this.#members.delete(member)) return;
    if (this.#members.size === 0) {
      this.#end();
      return;
    }
    this.#trim();
    void this.#pump();
  }

  /** Whether `member` belongs to this window. False once it is removed, or the window has ended before its position. */
  has(member: Member): boolean {
    return this.#members.has(member);
  }

  /** Returns the chunk that contains `position`, or `undefined` if it has not arrived. Throws the error of the source. */
  chunkAt(position: number): Chunk | undefined {
    const chunk = this.#chunks.find(({ offset, length }) => position >= offset && position < offset + length);
    if (chunk === undefined && this.#failure !== undefined) throw this.#failure.error;
    return chunk;
  }

  /** A member has advanced. Frees the chunks that all have passed, and reads further. */
  advance(): void {
    if (this.#ending.signal.aborted) return;
    if (this.#members.size > 1) this.#pace.reset();
    else this.#pace.measure(performance.now(), this.#lowest());
    this.#trim();
    void this.#pump();
  }

  async #pump(): Promise<void> {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      while (!this.#ending.signal.aborted && this.#failure === undefined && this.#head < this.#wanted()) {
        if (this.#isFull()) {
          if (this.#members.size > 1)
            this.#patience ??= setTimeout(() => this.#castOutSlowest(), this.#options.patienceMs(this.#chunkMs));
          break;
        }
        clearTimeout(this.#patience);
        this.#patience = undefined;
        if (this.#options.coveredElsewhere(this.#head)) {
          this.#moveOver();
          break;
        }
        const chunk = await this.#readChunk();
        if (this.#ending.signal.aborted) {
          this.#release(chunk);
          break;
        }
        this.#chunks.push(chunk);
        this.#head += chunk.length;
        const nowMs = performance.now();
        if (this.#arrivedAtMs !== undefined) this.#chunkMs += (nowMs - this.#arrivedAtMs - this.#chunkMs) / paceChunks;
        this.#arrivedAtMs = nowMs;
        for (const member of this.#members) member.wake();
      }
    } catch (error) {
      this.#failure = { error };
      for (const member of this.#members) member.wake();
    } finally {
      this.#isPumping = false;
      if (this.#members.size === 0) this.#end();
    }
  }

  async #readChunk(): Promise<Chunk> {
    const { pool } = this.#options;
    const stream = (this.#stream?.endExclusive ?? 0) > this.#head ? this.#stream! : await this.#openStream();
    // A second's worth: a reader that takes long over a large buffer holds it for as long.
    const buffer = pool.take(this.#members.size === 1 ? this.#pace.bytesPerSecond : undefined);
    const offset = this.#head;
    try {
      const length = await stream.reader.read(
        buffer.subarray(0, Math.min(buffer.length, stream.endExclusive - offset)),
      );
      if (length === 0) throw new Error('the source ended before its own size');
      const { isUnverified = false, table, crc: known } = stream.reader;
      const crc = isUnverified ? (known ?? crc32(buffer.subarray(0, length))) : undefined;
      return { buffer, offset, length, crc, table, holders: 1 };
    } catch (error) {
      pool.give(buffer);
      throw error;
    }
  }

  async #openStream(): Promise<Stream> {
    const { source, headElsewhere } = this.#options;
    const { signal } = this.#ending;
    const endExclusive = endOfStream(this.#head, headElsewhere(), this.#wanted());
    if (this.#stream !== undefined) await this.#stream.reader.close();
    this.#stream = undefined;
    const reader = await source.open(this.#head, endExclusive, signal);
    if (signal.aborted) {
      await reader.close();
      throw signal.reason;
    }
    this.#stream = { reader, endExclusive };
    return this.#stream;
  }

  /** The slowest members block the others only if one of the others waits for the next chunk. */
  #castOutSlowest(): void {
    this.#patience = undefined;
    if (this.#ending.signal.aborted || !this.#isFull()) return;
    const position = this.#lowest();
    const first = this.#chunks.find(({ offset, length }) => offset + length > position);
    const isWaitedFor = [...this.#members].some((one) => one.position === this.#head && one.endExclusive > this.#head);
    if (!isWaitedFor || first === undefined) return;
    for (const member of this.#members) {
      if (member.position >= first.offset + first.length) continue;
      this.#members.delete(member);
      this.#options.onCastOut();
      member.wake();
    }
    this.#trim();
    void this.#pump();
  }

  /** Another stream continues from here. Readers that have read everything move to it, and the last one closes this window. */
  #moveOver(): void {
    for (const member of this.#members) {
      if (member.position < this.#head) continue;
      this.#members.delete(member);
      member.wake();
    }
  }

  /** Frees chunks that all have passed, unless other readers may follow closely. */
  #trim(): void {
    const { pool } = this.#options;
    const position = this.#lowest();
    for (let first = this.#chunks[0]; first !== undefined; first = this.#chunks[0]) {
      if (first.offset + first.length > position || mayKeep(this.#members.size, pool)) break;
      this.#chunks.shift();
      this.#release(first);
    }
  }

  #end(): void {
    if (this.#ending.signal.aborted) return;
    this.#ending.abort(new Error('the window has ended'));
    clearTimeout(this.#patience);
    for (const chunk of this.#chunks.splice(0)) this.#release(chunk);
    void this.#stream?.reader.close().catch(() => {});
    const left = [...this.#members];
    this.#members.clear();
    for (const member of left) member.wake();
    this.#options.onEnd();
  }

  #release(chunk: Chunk): void {
    chunk.holders -= 1;
    if (chunk.holders === 0) this.#options.pool.give(chunk.buffer);
  }

  #isFull(): boolean {
    const { pool, maxChunks } = this.#options;
    const position = this.#lowest();
    let ahead = 0;
    for (const { offset, length } of this.#chunks) if (offset + length > position) ahead += 1;
    return ahead >= mostChunks(this.#members.size, this.#pace.bytesPerSecond, maxChunks, pool);
  }

  /** Returns the position of the slowest member. */
  #lowest(): number {
    let position = this.#head;
    for (const member of this.#members) position = Math.min(position, member.position);
    return position;
  }

  /** Returns the furthest end of all members, or 0 if there are none. */
  #wanted(): number {
    let furthest = 0;
    for (const member of this.#members) furthest = Math.max(furthest, member.endExclusive);
    return furthest;
  }
}

/** Sockets read in bursts of megabytes, so the pace of a lone reader cannot be measured over a shorter time. */
const paceMs = 1000;
/** A reader that catches up with others reads to their position, or this far. Most bytes beyond that would be useless. */
const catchUpBytes = 4 * 1024 * 1024;

/** A stream from 0 reads the whole blob, because unverified bytes may already be on their way. */
export function endOfStream(head: number, ahead: number, wanted: number): number {
  return head > 0 && ahead > head ? Math.min(wanted, Math.max(ahead, head + catchUpBytes)) : wanted;
}

/** Measures the pace of a lone reader in bytes per second. It is infinite for several readers, and while it is unknown. */
export function createPace() {
  let bytesPerSecond = Number.POSITIVE_INFINITY;
  let sinceMs = Number.NaN;
  let sincePosition = 0;
  return {
    get bytesPerSecond() {
      return bytesPerSecond;
    },
    reset(): void {
      bytesPerSecond = Number.POSITIVE_INFINITY;
      sinceMs = Number.NaN;
    },
    measure(atMs: number, position: number): void {
      const passedMs = atMs - sinceMs;
      if (passedMs < paceMs) return;
      // The first call has nothing to compare with.
      if (!Number.isNaN(passedMs)) bytesPerSecond = ((position - sincePosition) / passedMs) * 1000;
      sinceMs = atMs;
      sincePosition = position;
    },
  };
}
