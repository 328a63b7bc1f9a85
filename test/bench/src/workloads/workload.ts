// A workload loads each contender in turn and returns figures.
import type { Contender, ContenderKind, Site } from '../contenders/contender.ts';

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly better: 'higher' | 'lower';
}

export interface Run {
  /** The contender of this turn, which is one of the workload's. */
  readonly kind: ContenderKind;
  /**
   * Returns the running contender, which other workloads share. A workload that needs a fresh one calls
   * `kind.start(site)`.
   */
  contender(): Promise<Contender>;
  readonly site: Site;
  /** The number of the round, from 0. Every contender has every round. */
  readonly round: number;
  /**
   * Whether this contender has run this workload before. Otherwise it is warmed up and digests are checked under load.
   */
  readonly isWarm: boolean;
  /** Duration of the load. */
  readonly seconds: number;
  readonly isFull: boolean;
}

export interface Workload {
  /** The name in options and in the JSON, which must not change. */
  readonly name: string;
  readonly title: string;
  /** The figure that the summary shows. */
  readonly headline: string;
  /** Further figures that the summary shows. */
  readonly alsoShown?: readonly string[];
  /** Runs always, or only in full runs and when it is named. */
  readonly mode: 'quick' | 'full';
  /** The rows of its table. The others are compared with the first. */
  readonly contenders: readonly ContenderKind[];
  /** The maximum number of rounds, for slow transfers. Default: as many as the run has. */
  readonly mostRounds?: number;
  /** Rejects, with the mend, if this machine cannot run the workload. Default: every machine can. */
  readonly check?: () => Promise<void>;
  /** Returns the figures in a fixed order. Rejects if the contender returns errors or wrong bytes. */
  run(run: Run): Promise<readonly Figure[]>;
}
