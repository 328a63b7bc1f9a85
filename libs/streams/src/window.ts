// A window: one stream from a source, shared by every reader near its position behind a bounded run of chunks. It is
// paced by its readers. One that holds the others up for longer than `patienceMs` is cast out and goes on by itself.
import type { BufferPool } from './buffer-pool.ts';
import type { ByteSource, Verification, SourceReader } from './byte-source.ts';

/** A chunk in use. `holders` counts the window and every reader that writes it out; at 0 its buffer is reused. */
export interface Chunk {
  readonly buffer: Buffer;
  readonly offset: number;
  readonly length: number;
  readonly verification: Verification | undefined;
  holders: number;
}

/** A reader as its window sees it. */
export interface Member {
  position: number;
  readonly endExclusive: number;
  /** Called when there may be more to read, or when the member has been cast out or the window has ended. */
  wake(): void;
}

export interface Window {
  /** Whether a reader at `position` can be served from here without another stream. */
  covers(position: number): boolean;
  /** One past the last byte read so far. */
  readonly head: number;
  join(member: Member): void;
  leave(member: Member): void;
  /** Whether `member` still belongs here: false once cast out, or once the window has ended short of its position. */
  has(member: Member): boolean;
  /** The chunk that holds `position`, or `undefined` while it has not come. Throws what the source threw. */
  chunkAt(position: number): Chunk | undefined;
  /** Tells that a member has moved on: the window trims what all have passed and reads further. */
  advance(): void;
}

export interface WindowOptions {
  readonly source: ByteSource;
  readonly from: number;
  readonly pool: BufferPool;
  /** Asked whenever somebody begins to hold the others up; `chunkMs`: how long all of them together take over a chunk. */
  readonly patienceMs: (chunkMs: number) => number;
  readonly maxChunks: number;
  /** True if another window covers `position` and is ahead of it: this one then ends there, and its readers move over. */
  readonly coveredElsewhere: (position: number) => boolean;
  /** How far another window has come; 0 when there is none. */
  readonly headElsewhere: () => number;
  readonly onCastOut: () => void;
  readonly onEnd: () => void;
}

/** Two chunks keep a lone reader busy: one being written out, one being read. */
const loneChunks = 2;
/** Nothing is read ahead for a lone reader that is slower than this, in bytes a second. Nor where there is little room. */
const hurriedPace = 2 * 1024 * 1024;
/** Sockets take in bursts of megabytes: what a lone reader takes tells little of its pace over a shorter time. */
const paceMs = 1000;
const roomyFactor = 2;
/** Who catches up with others reads to where they are, or so far, at a time: what is asked for beyond that is mostly for nothing. */
const catchUpBytes = 4 * 1024 * 1024;
/** Of chunks, in their average duration. */
const paceChunks = 8;
const keepingFactor = 4;

export function openWindow(options: WindowOptions): Window {
  const { source, pool } = options;
  const members = new Set<Member>();
  const chunks: Chunk[] = [];
  let base = options.from;
  let head = options.from;
  let stream: { reader: SourceReader; endExclusive: number } | undefined;
  let failure: { error: unknown } | undefined;
  /** Aborted when nobody is left: what is waited for then is not wanted any more. */
  const ending = new AbortController();
  let pumping = false;
  let patience: NodeJS.Timeout | undefined;
  let pacedFrom: { readonly atMs: number; readonly position: number } | undefined;
  /** Bytes a second of a lone reader, or whatever it likes. */
  let pace = Number.POSITIVE_INFINITY;
  let arrivedAtMs: number | undefined;
  let chunkMs = 0;

  const wakeAll = () => {
    for (const member of members) member.wake();
  };

  const release = (chunk: Chunk) => {
    chunk.holders -= 1;
    if (chunk.holders === 0) pool.give(chunk.buffer);
  };

  const end = () => {
    if (ending.signal.aborted) return;
    ending.abort(new Error('the window has ended'));
    clearTimeout(patience);
    for (const chunk of chunks.splice(0)) release(chunk);
    void stream?.reader.close().catch(() => {});
    const left = [...members];
    members.clear();
    for (const member of left) member.wake();
    options.onEnd();
  };

  /** Of the slowest member. */
  const lowest = () => {
    let position = head;
    for (const member of members) position = Math.min(position, member.position);
    return position;
  };

  const mayKeep = () => members.size > 1 && pool.usedBytes * keepingFactor < pool.maxBytes;

  /** What all have passed stays for those who come a moment later, as in a herd, while there is much room. */
  const trim = () => {
    const position = lowest();
    while (chunks[0] !== undefined && chunks[0].offset + chunks[0].length <= position && !mayKeep())
      release(chunks.shift()!);
    base = chunks[0]?.offset ?? head;
  };

  const wanted = () => {
    let furthest = 0;
    for (const member of members) furthest = Math.max(furthest, member.endExclusive);
    return furthest;
  };

  /** Those at the base hold everybody up only if somebody has read all there is. */
  const castOutSlowest = () => {
    patience = undefined;
    if (ending.signal.aborted || !isFull()) return;
    const waiting = [...members].some((member) => member.position === head && member.endExclusive > head);
    const position = lowest();
    const first = chunks.find(({ offset, length }) => offset + length > position);
    if (!waiting || first === undefined) return;
    for (const member of members) {
      if (member.position >= first.offset + first.length) continue;
      members.delete(member);
      options.onCastOut();
      member.wake();
    }
    trim();
    void pump();
  };

  /** While there is room to spare, a herd may be further apart: its sockets take and give in bursts of megabytes. */
  const mostChunks = () => {
    if (members.size === 1) return pace < hurriedPace || pool.usedBytes * 2 > pool.maxBytes ? 1 : loneChunks;
    return pool.usedBytes * 2 < pool.maxBytes ? options.maxChunks * roomyFactor : options.maxChunks;
  };

  const measurePace = () => {
    if (members.size > 1) {
      pacedFrom = undefined;
      pace = Number.POSITIVE_INFINITY;
      return;
    }
    const [atMs, position] = [performance.now(), lowest()];
    pacedFrom ??= { atMs, position };
    if (atMs - pacedFrom.atMs < paceMs) return;
    pace = ((position - pacedFrom.position) / (atMs - pacedFrom.atMs)) * 1000;
    pacedFrom = { atMs, position };
  };

  const measureArrival = () => {
    const nowMs = performance.now();
    if (arrivedAtMs !== undefined) chunkMs += (nowMs - arrivedAtMs - chunkMs) / paceChunks;
    arrivedAtMs = nowMs;
  };

  const isFull = () => {
    const position = lowest();
    let ahead = 0;
    for (const { offset, length } of chunks) if (offset + length > position) ahead += 1;
    return ahead >= mostChunks();
  };

  /** From 0 a blob is read whole, since what has not been verified yet can be on the way. */
  const endOfStream = () => {
    const ahead = options.headElsewhere();
    return head > 0 && ahead > head ? Math.min(wanted(), Math.max(ahead, head + catchUpBytes)) : wanted();
  };

  const openStream = async () => {
    const endExclusive = endOfStream();
    if (stream !== undefined) await stream.reader.close();
    stream = undefined;
    const reader = await source.open(head, endExclusive, ending.signal);
    if (ending.signal.aborted) {
      await reader.close();
      throw ending.signal.reason;
    }
    return { reader, endExclusive };
  };

  const readChunk = async () => {
    if (stream === undefined || stream.endExclusive <= head) stream = await openStream();
    // A second's worth: who takes his time over a large one holds it for as long.
    const buffer = pool.take(members.size === 1 ? pace : undefined);
    try {
      const length = await stream.reader.read(buffer.subarray(0, Math.min(buffer.length, stream.endExclusive - head)));
      if (length === 0) throw new Error('the source ended before its own size');
      return { buffer, offset: head, length, verification: stream.reader.verification, holders: 1 };
    } catch (error) {
      pool.give(buffer);
      throw error;
    }
  };

  const pump = async () => {
    if (pumping) return;
    pumping = true;
    try {
      while (!ending.signal.aborted && failure === undefined && members.size > 0 && head < wanted()) {
        if (isFull()) {
          if (members.size > 1) patience ??= setTimeout(castOutSlowest, options.patienceMs(chunkMs));
          break;
        }
        clearTimeout(patience);
        patience = undefined;
        if (options.coveredElsewhere(head)) {
          endWhenDrained();
          break;
        }
        const chunk = await readChunk();
        if (ending.signal.aborted) {
          release(chunk);
          break;
        }
        chunks.push(chunk);
        head += chunk.length;
        measureArrival();
        wakeAll();
      }
    } catch (error) {
      failure = { error };
      wakeAll();
    } finally {
      pumping = false;
      if (members.size === 0) end();
    }
  };

  /** Another stream goes on from here: readers that have had everything move over, the last one closes this. */
  const endWhenDrained = () => {
    for (const member of members) {
      if (member.position < head) continue;
      members.delete(member);
      member.wake();
    }
  };

  return {
    get head() {
      return head;
    },
    covers: (position) => !ending.signal.aborted && failure === undefined && position >= base && position <= head,
    join(member) {
      members.add(member);
      void pump();
    },
    leave(member) {
      if (!members.delete(member)) return;
      if (members.size === 0) {
        end();
        return;
      }
      trim();
      void pump();
    },
    has: (member) => members.has(member),
    chunkAt(position) {
      const chunk = chunks.find(
        (candidate) => position >= candidate.offset && position < candidate.offset + candidate.length,
      );
      if (chunk === undefined && failure !== undefined) throw failure.error;
      return chunk;
    },
    advance() {
      if (ending.signal.aborted) return;
      measurePace();
      trim();
      void pump();
    },
  };
}
