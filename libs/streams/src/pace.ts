// The pace of a window's readers decides how much memory they get.

/**
 * The pace is measured over this time, because sockets read in bursts of megabytes. More bytes than sockets hold show it earlier.
 */
const [paceMs, paceBytes] = [1000, 8 * 1024 * 1024];

/** Measures how fast the readers of a window are together. */
export class Pace {
  #sinceMs: number | undefined;
  #sincePosition = 0;
  /** Infinite while it is unknown. */
  bytesPerSecond = Number.POSITIVE_INFINITY;

  /** Called before a chunk is read at `position`. */
  measure(atMs: number, position: number): void {
    const passedBytes = position - this.#sincePosition;
    if (this.#sinceMs !== undefined) {
      const passedMs = atMs - this.#sinceMs;
      if (passedMs < paceMs && passedBytes < paceBytes) return;
      this.bytesPerSecond = (passedBytes / Math.max(passedMs, 1)) * 1000;
    }
    this.#sinceMs = atMs;
    this.#sincePosition = position;
  }
}
