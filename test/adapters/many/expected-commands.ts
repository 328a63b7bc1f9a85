// The formula of docs/performance.md for the commands of a cluster on one Redis. A change here needs one there.

export interface ClusterSize {
  readonly frontends: number;
  readonly workers: number;
}

/** Commands of a report, without its counts. */
export const perReport = 7;

/** Commands per second of an idle cluster. */
export function idleCommands({ frontends, workers }: ClusterSize, { reports = true } = {}): number {
  const nodes = frontends + workers;
  const own = 1.5 * nodes + 1.5 * frontends + 8.65 * workers + 5.5;
  return own + (reports ? (perReport / 4) * nodes : 0);
}

/** Commands that write the pulls of the last second, besides those of each pull. */
export const perFlush = { tag: 4, blob: 1 } as const;

/** Commands of one pull. Repeated pulls within a second share the writes, and within five seconds the reads. */
export const perPull = { tag: { reads: 2, writes: 11 }, blob: { reads: 2, writes: 4 } } as const;

/** The same for the first pull of a tag by a frontend: more reads, and touches of the image's parts. */
export const perFirstPull = { tag: { reads: 4, writes: 16 }, blob: perPull.blob } as const;

/** Commands of one fetch from the upstream, with its pull. Each announcement is one message for each frontend. */
export const perFetch = {
  tag: { commands: 165, announcements: 2 },
  blob: { commands: 200, announcements: 2 },
} as const;
