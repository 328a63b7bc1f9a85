// What the in-process parts of an index are given.

export interface InProcessOptions {
  readonly now: () => number;
  /** Throws `index-unavailable` when the index cannot answer. */
  readonly checkAvailable: () => void;
}
