// A window is one stream from a source. Readers near its position share its chunks, of which it keeps a limited number. Its
// readers set the pace. A reader must continue with another window if others wait for it most of the time, or if it stops for
// `patienceMs`.
import { crc32 } from 'node:zlib';
import { type BufferPool, chunkBytes, mayKeep, mostChunks, partOf, type PooledBuffer } from './buffer-pool.ts';
import { type ByteSource, endOfStream, type SourceReader } from './byte-source.ts';
import { Pace } from './pace.ts';
import { Waits } from './waits.ts';

/** A chunk in use. `holders` counts its window and the readers that are sending it. At 0 the pool gets its buffer back. */
export interface Chunk {
  readonly buffer: PooledBuffer;
  readonly offset: number;
  readonly length: number;
  /** CRC-32 of the chunk's bytes. Unset if these are already verified. */
  readonly crc: number | undefined;
  readonly table: SourceReader['table'];
  holders: number;
}

/** A reader, as its window sees it. */
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
  /** Returns how long a member may stop while others wait for it. `chunkMs` is the time that the whole group needs per chunk. */
  readonly patienceMs: (chunkMs: number) => number;
  /** Returns how many times slower a member may make the others. */
  readonly mostSlowdown: () => number;
  readonly maxChunks: number;
  /** Returns true if another window covers `position` and has read further. Readers at `position` then move to that window. */
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

/** Number of chunks over which the time per chunk is averaged. */
const paceChunks = 8;

export class Window {
  readonly #options: WindowOptions;
  readonly #members = new Set<Member>();
  readonly #waits: Waits<Member>;
  readonly #chunks: Chunk[] = [];
  /** Ends the opening of a stream when no member is left, because no bytes are needed any more. */
  #opening: AbortController | undefined;
  #hasEnded = false;
  readonly #pace = new Pace();
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
    this.#waits = new Waits(options.from, performance.now());
  }

  /** The offset after the last byte that was read. */
  get head(): number {
    return this.#head;
  }

  /** Returns whether this window can serve a reader at `position` from its chunks and its stream. */
  covers(position: number): boolean {
    if (this.#hasEnded || this.#failure !== undefined) return false;
    return position >= (this.#chunks[0]?.offset ?? this.#head) && position <= this.#head;
  }

  join(member: Member): void {
    this.#members.add(member);
    this.#waits.join(member, this.#head);
    this.#noteWaiting(member);
    void this.#pump();
  }

  leave(member: Member): void {
    if (!this.#remove(member)) return;
    if (this.#members.size === 0) {
      this.#end();
      return;
    }
    this.#trim();
    void this.#pump();
  }

  /** Returns whether `member` belongs to this window. False if it was removed, or the window has ended. */
  has(member: Member): boolean {
    return this.#members.has(member);
  }

  /** Returns the chunk that contains `position`, or `undefined` if it has not arrived. Throws the error of the source. */
  chunkAt(position: number): Chunk | undefined {
    const chunk = this.#chunks.find(({ offset, length }) => position >= offset && position < offset + length);
    if (chunk === undefined && this.#failure !== undefined) throw this.#failure.error;
    return chunk;
  }

  /** Called when `member` needs its next bytes. Frees the chunks that all members have passed, and continues to read. */
  advance(member: Member): void {
    if (this.#hasEnded) return;
    this.#noteWaiting(member);
    this.#trim();
    void this.#pump();
  }

  async #pump(): Promise<void> {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      while (this.#mayRead()) {
        const stream = (this.#stream?.endExclusive ?? 0) > this.#head ? this.#stream! : await this.#openStream();
        const buffer = this.#takeBuffer();
        let length = 0;
        try {
          length = await stream.reader.read(partOf(buffer.bytes, 0, stream.endExclusive - this.#head));
          if (length === 0) throw new Error('the source ended before its own size');
        } finally {
          if (length === 0 || this.#hasEnded) this.#options.pool.give(buffer);
        }
        if (!this.#hasEnded) this.#add(stream.reader, buffer, length);
      }
    } catch (error) {
      this.#failure = { error };
      for (const member of this.#members) member.wake();
    } finally {
      this.#isPumping = false;
      if (this.#members.size === 0) this.#end();
    }
  }

  /** Returns whether the next chunk is read now. If the slowest member blocks the others, they wait for it for a limited time. */
  #mayRead(): boolean {
    if (this.#hasEnded || this.#failure !== undefined || this.#head >= this.#wanted()) return false;
    if (this.#isFull()) {
      this.#waits.block(performance.now());
      if (this.#members.size > 1)
        this.#patience ??= setTimeout(() => this.#castOutStopped(), this.#options.patienceMs(this.#chunkMs));
      return false;
    }
    clearTimeout(this.#patience);
    this.#patience = undefined;
    this.#waits.unblock(performance.now());
    if (!this.#options.coveredElsewhere(this.#head)) return true;
    this.#moveOver();
    return false;
  }

  /**
   * A lone reader gets a buffer for about one second. Several readers share theirs, and need a distance for the bursts of their
   * sockets.
   */
  #takeBuffer(): PooledBuffer {
    this.#pace.measure(performance.now(), this.#lowest());
    const { bytesPerSecond } = this.#pace;
    return this.#options.pool.take(this.#members.size > 1 ? Math.max(bytesPerSecond, chunkBytes) : bytesPerSecond);
  }

  /** Adds the chunk that `reader` has just read, and wakes the members. */
  #add({ isUnverified = false, crc: known, table }: SourceReader, buffer: PooledBuffer, length: number): void {
    const crc = isUnverified ? (known ?? crc32(partOf(buffer.bytes, 0, length))) : undefined;
    this.#chunks.push({ buffer, offset: this.#head, length, crc, table, holders: 1 });
    this.#head += length;
    const nowMs = performance.now();
    if (this.#arrivedAtMs !== undefined) this.#chunkMs += (nowMs - this.#arrivedAtMs - this.#chunkMs) / paceChunks;
    this.#arrivedAtMs = nowMs;
    for (const member of this.#members) member.wake();
    const slow = this.#waits.chunkRead(this.#head, nowMs, this.#options.mostSlowdown());
    if (this.#head < this.#wanted()) this.#castOut(slow);
  }

  #noteWaiting(member: Member): void {
    if (member.position === this.#head) this.#waits.begin(member, performance.now());
  }

  #remove(member: Member): boolean {
    this.#waits.leave(member);
    return this.#members.delete(member);
  }

  async #openStream(): Promise<Stream> {
    const { source, headElsewhere } = this.#options;
    const { signal } = (this.#opening = new AbortController());
    const endExclusive = endOfStream(this.#head, headElsewhere(), this.#wanted());
    if (this.#stream !== undefined) await this.#stream.reader.close();
    this.#stream = undefined;
    const reader = await source.open(this.#head, endExclusive, signal);
    this.#opening = undefined;
    if (signal.aborted) {
      await reader.close();
      throw signal.reason;
    }
    this.#stream = { reader, endExclusive };
    return this.#stream;
  }

  /** Removes the slowest members, if another member waits for the next chunk. */
  #castOutStopped(): void {
    this.#patience = undefined;
    if (this.#hasEnded) return;
    // The slowest member has moved meanwhile, but its window was still full then, so nothing was read.
    if (!this.#isFull()) return void this.#pump();
    const position = this.#lowest();
    const first = this.#chunks.find(({ offset, length }) => offset + length > position);
    const isWaitedFor = [...this.#members].some((one) => one.position === this.#head && one.endExclusive > this.#head);
    if (!isWaitedFor || first === undefined) return;
    this.#castOut([...this.#members].filter((one) => one.position < first.offset + first.length));
    void this.#pump();
  }

  /** Removes members, and frees the chunks that no other member needs, so that they do not join this window again. */
  #castOut(members: readonly Member[]): void {
    if (members.length === 0) return;
    for (const member of members) {
      this.#remove(member);
      this.#options.onCastOut();
      member.wake();
    }
    this.#trim(false);
  }

  /** Called when another window covers `head`. Members that have read everything here move to it. */
  #moveOver(): void {
    for (const member of this.#members) {
      if (member.position < this.#head) continue;
      this.#remove(member);
      member.wake();
    }
  }

  /** Frees the chunks that all members have passed. If `isKeeping`, it keeps those that `mayKeep` allows. */
  #trim(isKeeping = true): void {
    const { pool } = this.#options;
    const position = this.#lowest();
    for (let first = this.#chunks[0]; first !== undefined; first = this.#chunks[0]) {
      if (first.offset + first.length > position || (isKeeping && mayKeep(this.#members.size, pool))) break;
      this.#chunks.shift();
      this.#release(first);
    }
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#opening?.abort(new Error('the window has ended'));
    clearTimeout(this.#patience);
    for (const chunk of this.#chunks.splice(0)) this.#release(chunk);
    void this.#stream?.reader.close().catch(() => {});
    for (const member of this.#members) {
      this.#remove(member);
      member.wake();
    }
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

  /** Returns the furthest offset that any member needs, or 0 if there are no members. */
  #wanted(): number {
    let furthest = 0;
    for (const member of this.#members) furthest = Math.max(furthest, member.endExclusive);
    return furthest;
  }
}
