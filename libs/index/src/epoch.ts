// What the index knows of its own losses. One that has lost its data, by FLUSHALL or with a server, is told from one that
// never had any: fills in flight are put back by their owners before anybody may claim, and the rest is rebuilt.

export interface EpochIndex {
  /**
   * Begins to count the time that owners have to put their records back, wherever that has not begun since the last loss.
   * Workers call it at their start and every second: then it costs little.
   */
  settle(): Promise<void>;
  /**
   * Whether a rebuild from the store has ended and nothing was lost since. Before and after a read it says whether what the read
   * did not find was not there.
   */
  isComplete(): Promise<boolean>;
  /** A name for the time since the last loss, for `markComplete`; settles. Whoever rebuilds reads it before it begins. */
  current(): Promise<string>;
  /** False if something was lost after `epoch` was read; the index is not complete then. */
  markComplete(epoch: string): Promise<boolean>;
}
