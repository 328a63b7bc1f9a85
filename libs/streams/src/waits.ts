// Finds the slow readers of a window, by the time that the others wait for them.

/**
 * The bytes that a window reads in a period. Within fewer bytes, equal readers wait for each other too, because a socket takes
 * 4 to 6 MB at once.
 */
export const periodBytes = 16 * 1024 * 1024;

interface Wait {
  /** How long the reader has waited for others in this period. A new reader begins with the longest time of the others. */
  ms: number;
  /** Since when the reader needs a chunk that its window has not read yet. */
  sinceMs: number | undefined;
  /** False if the reader joined in the second half of this period. */
  isKnown: boolean;
}

/** How long the readers of one window wait for each other. Times are in milliseconds, of a clock that never jumps. */
export class Waits<Reader extends object> {
  readonly #waits = new Map<Reader, Wait>();
  #blockedSinceMs: number | undefined;
  #periodSinceMs: number;
  #periodFrom: number;

  /** `from` is the offset from which the window reads. */
  constructor(from: number, nowMs: number) {
    this.#periodFrom = from;
    this.#periodSinceMs = nowMs;
  }

  join(reader: Reader, head: number): void {
    const isKnown = head - this.#periodFrom < periodBytes / 2;
    // The others have not waited for this reader yet.
    this.#waits.set(reader, { ms: this.#longestMs(), sinceMs: undefined, isKnown });
  }

  leave(reader: Reader): void {
    this.#waits.delete(reader);
  }

  /** Called when a reader needs a chunk that its window has not read yet. */
  begin(reader: Reader, nowMs: number): void {
    const wait = this.#waits.get(reader);
    if (wait !== undefined) wait.sinceMs ??= nowMs;
  }

  /** Called when the window cannot read, because its slowest reader still needs the first of too many chunks. */
  block(nowMs: number): void {
    this.#blockedSinceMs ??= nowMs;
  }

  /** Called when the window can read. */
  unblock(nowMs: number): void {
    if (this.#blockedSinceMs === undefined) return;
    for (const wait of this.#waits.values())
      if (wait.sinceMs !== undefined) wait.ms += nowMs - Math.max(wait.sinceMs, this.#blockedSinceMs);
    this.#blockedSinceMs = undefined;
  }

  /**
   * Called when the window has read a chunk and `head` is the offset after it. At the end of a period, returns the readers that
   * made others more than `mostSlowdown` times slower than these can be.
   */
  chunkRead(head: number, nowMs: number, mostSlowdown: number): Reader[] {
    for (const wait of this.#waits.values()) wait.sinceMs = undefined;
    if (head - this.#periodFrom < periodBytes) return [];
    const slow = this.#slow(nowMs - this.#periodSinceMs, mostSlowdown);
    this.#periodFrom = head;
    this.#periodSinceMs = nowMs;
    for (const wait of this.#waits.values()) {
      wait.ms = 0;
      wait.isKnown = true;
    }
    return slow;
  }

  #slow(periodMs: number, mostSlowdown: number): Reader[] {
    const longestMs = this.#longestMs();
    if (longestMs <= periodMs * (1 - 1 / mostSlowdown)) return [];
    return [...this.#waits].filter(([, { ms, isKnown }]) => isKnown && ms < longestMs / 2).map(([reader]) => reader);
  }
  #longestMs(): number {
    let longestMs = 0;
    for (const { ms } of this.#waits.values()) longestMs = Math.max(longestMs, ms);
    return longestMs;
  }
}
