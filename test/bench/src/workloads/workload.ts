// What a workload is: something that is done to each contender in turn, and the figures that it gives.
import type { Contender, ContenderKind, Site } from '../contenders/contender.ts';

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly better: 'higher' | 'lower';
}

export interface Run {
  /** Of this turn: one of the workload's. */
  readonly kind: ContenderKind;
  /** Running, and shared with other workloads. A workload that needs a fresh one starts it by `kind.start(site)`. */
  contender(): Promise<Contender>;
  readonly site: Site;
  /** From 0; every contender has every round. */
  readonly round: number;
  /** Whether this contender has run this workload before. If not, digests are checked under load and it is warmed up. */
  readonly isWarm: boolean;
  /** How long to load a contender. */
  readonly seconds: number;
  readonly isFull: boolean;
}

export interface Workload {
  /** In options and in the JSON: stays as it is. */
  readonly name: string;
  readonly title: string;
  /** The figure that stands for it in the summary. */
  readonly headline: string;
  /** In every run, or in a full one only (and where it is asked for by name). */
  readonly mode: 'quick' | 'full';
  /** The rows of its table. All others are compared with the first. */
  readonly contenders: readonly ContenderKind[];
  /** For transfers that take long; default: as many as the run has. */
  readonly mostRounds?: number;
  /** Figures in an order of its own, always the same. Rejects where the contender answers errors or wrong bytes. */
  run(run: Run): Promise<readonly Figure[]>;
}
