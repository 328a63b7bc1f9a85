// Runs many clients at the same time that verify the bytes of one or many blobs, in one process for each core.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import type { Pull } from './pull.ts';
import type { Pulled, PullPlan } from './pull-process.ts';

export interface PullAllOptions {
  /** One pull for each client. */
  readonly pulls: readonly Pull[];
  /** Whether clients check digests and not only the number of bytes; default true. */
  readonly isChecked?: boolean;
  /** Time in milliseconds over which the clients start. Default: all start at the same time. */
  readonly spreadMs?: number;
  /** Time in seconds during which each client repeats its pull. Default: it pulls once. */
  readonly seconds?: number;
}

export interface PullsFigures {
  /** Times of all clients, the fastest first. */
  readonly firstByteMs: readonly number[];
  /** Time from the first start to the last end. */
  readonly tookMs: number;
  readonly bytes: number;
}

/** Rejects if any client got wrong bytes. */
export async function pullAll(options: PullAllOptions): Promise<PullsFigures> {
  const plans = plansFor(options, Math.min(availableParallelism(), options.pulls.length));
  const program = new URL('pull-process.ts', import.meta.url);
  const children = plans.map(() => fork(program, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }));
  try {
    await Promise.all(children.map((child, number) => exchange(child, plans[number]!)));
    const answers = await Promise.all(children.map((child) => exchange(child, 'go')));
    return figuresOf(answers.flat() as Pulled[]);
  } finally {
    for (const child of children) child.kill('SIGKILL');
  }
}

/** Deals the clients to the processes in turn, so that each process has early and late ones. */
export function plansFor(options: PullAllOptions, processes: number): PullPlan[] {
  const { pulls, isChecked = true, spreadMs = 0, seconds } = options;
  return Array.from({ length: processes }, (_none, process) => {
    const clients = [...pulls.keys()].filter((client) => client % processes === process);
    return {
      pulls: clients.map((client) => pulls[client]!),
      isChecked,
      beginsAfterMs: clients.map((client) => (spreadMs * client) / pulls.length),
      ...(seconds !== undefined && { seconds }),
    };
  });
}

function figuresOf(pulled: readonly Pulled[]): PullsFigures {
  const failed = pulled.filter(({ error }) => error !== undefined);
  if (failed.length > 0) throw new Error(`${failed.length} of ${pulled.length} clients: ${failed[0]?.error}`);
  return {
    firstByteMs: pulled.map(({ firstByteMs }) => firstByteMs).sort((a, b) => a - b),
    tookMs: Math.max(...pulled.map(({ endedMs }) => endedMs)),
    bytes: pulled.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

async function exchange(child: ChildProcess, message: PullPlan | 'go'): Promise<unknown> {
  const answered = once(child, 'message');
  const ended = once(child, 'exit').then((): never => {
    throw new Error('a process of clients has ended');
  });
  ended.catch(() => {});
  child.send(message);
  const [answer] = (await Promise.race([answered, ended])) as [unknown];
  return answer;
}

/** Returns the percentile `part` of sorted values. */
export function percentile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}
