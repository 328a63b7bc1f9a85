// The problems of a node, as operators see them in `/readyz`, metrics, the console and the command line.
import { openPoll } from '../open-poll.ts';

type ProblemSeverity = 'critical' | 'warning';

/** A problem that a check has found. All texts are sentences. */
export interface Finding {
  /** The stable name of this kind of problem, such as `index-full`. */
  readonly kind: string;
  /** The part of the cache that has the problem, such as `index`. */
  readonly part: string;
  /** Which of several the part is, such as the name of an upstream. Unset if there is only one. */
  readonly subject?: string | undefined;
  /** `critical`: pulls fail, or will fail soon. `warning`: pulls are served, but an operator should act. */
  readonly severity: ProblemSeverity;
  /** True if clients should use another node. */
  readonly isUnready?: boolean | undefined;
  readonly reason: string;
  /** What still works. */
  readonly works: string;
  /** The action for an operator. */
  readonly mend: string;
  /** The name of the node that has the problem. Unset if the whole cache has it, or this node. */
  readonly node?: string | undefined;
  /** When the problem began, in milliseconds since the epoch. Unset means when the board first saw it. */
  readonly sinceMs?: number | undefined;
}

export interface Problem extends Finding {
  readonly sinceMs: number;
}

/** Gauges that show the problems. */
interface ProblemMetrics {
  readonly partUp: { set(labels: { part: string }, value: number): void };
  readonly problemSince: {
    reset(): void;
    set(labels: { part: string; kind: string; subject: string; severity: string }, value: number): void;
  };
}

export interface ProblemBoardOptions {
  /** The parts that the checks cover. */
  readonly parts: readonly string[];
  /** Runs all checks. If it rejects, the problems stay as they are. */
  readonly find: () => Promise<readonly Finding[]>;
  /** Unset means that no metrics show these problems. */
  readonly metrics?: ProblemMetrics | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly log: { warn(fields: { readonly err: unknown }, message: string): void };
  readonly everyMs?: number;
}

export interface ProblemBoard {
  readonly parts: readonly string[];
  /** Returns the problems that the last checks found, the critical ones first, then the oldest first. */
  current(): readonly Problem[];
  /**
   * Resolves to `current()` as soon as the first checks have ended. It never waits for later checks, because load balancers expect
   * the answer of a health check within a second. Never rejects.
   */
  look(): Promise<readonly Problem[]>;
  /** Ends the checks. */
  close(): Promise<void>;
}

const checkEveryMs = 2_000;

/** Runs the checks immediately and then at an interval, so that metrics are up to date without requests. */
export function openProblemBoard(options: ProblemBoardOptions): ProblemBoard {
  const { parts, find, metrics, now, log, everyMs = checkEveryMs } = options;
  let problems: readonly Problem[] = [];

  async function check(): Promise<void> {
    const before = new Map(problems.map((problem) => [keyOf(problem), problem.sinceMs]));
    const found = await find();
    const nowMs = now();
    // A check may find the same problem twice, for example for two accounts of an upstream.
    problems = [...Map.groupBy(found, keyOf).values()]
      .map(([finding]) => finding!)
      .map((finding) => ({ ...finding, sinceMs: finding.sinceMs ?? before.get(keyOf(finding)) ?? nowMs }))
      .toSorted((one, other) => rank(one) - rank(other) || one.sinceMs - other.sinceMs);
    if (metrics !== undefined) show(metrics);
  }

  function show({ partUp, problemSince }: ProblemMetrics): void {
    const isDown = new Set(problems.filter(({ severity }) => severity === 'critical').map(({ part }) => part));
    for (const part of parts) partUp.set({ part }, isDown.has(part) ? 0 : 1);
    problemSince.reset();
    for (const { part, kind, subject = '', severity, sinceMs } of problems)
      problemSince.set({ part, kind, subject, severity }, sinceMs / 1000);
  }

  function onFailure(err: unknown, times: number): void {
    if (times === 1) log.warn({ err }, 'failed to check parts, showing their last problems');
  }

  const poll = openPoll({ everyMs, check, onFailure });
  const first = poll.check();
  return {
    parts,
    current: () => problems,
    async look() {
      await first;
      return problems;
    },
    close: () => poll.close(),
  };
}

function keyOf({ kind, subject }: Finding): string {
  return JSON.stringify([kind, subject]);
}

function rank({ severity }: Finding): number {
  return severity === 'critical' ? 0 : 1;
}
