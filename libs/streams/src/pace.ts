// The pace of a window's readers decides how much memory they get.

/**
 * The pace is measured over this time, because sockets read in bursts of megabytes. More bytes than sockets hold show it earlier.
 */
const [paceMs, paceBytes] = [1000, 8 * 1024 * 1024];

/** Measures how fast the slowest reader of a window moves. */
export class Pace {
  #sinceMs: number | undefined;
  #sincePosition = 0;
  /** Infinite while it is unknown. */
  bytesPerSecond = Number.POSITIVE_INFINITY;

  /** `position` is that of the slowest reader. It is smaller than the last one if a reader has joined further back. */
  measure(atMs: number, position: number): void {
    const passedBytes = position - this.#sincePosition;
    if (this.#sinceMs !== undefined && passedBytes >= 0) {
      const passedMs = atMs - this.#sinceMs;
      if (passedMs < paceMs && passedBytes < paceBytes) return;
      this.bytesPerSecond = (passedBytes / Math.max(passedMs, 1)) * 1000;
    }
    this.#sinceMs = atMs;
    this.#sincePosition = position;
  }
}
