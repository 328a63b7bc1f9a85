// How a record is read.

export interface ReadOptions {
  /** Past what this process remembers: of somebody whose word that it has changed may come before the announcement of it. */
  readonly fresh?: boolean | undefined;
}
