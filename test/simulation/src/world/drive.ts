// What makes virtual time pass: for a run that has an end, or beside tests that know nothing of it.
import { isBusyOutside, isCounting } from './outside-work.ts';
import { real } from './real.ts';
import { schedule, step } from './schedule.ts';

export interface DriveLimits {
  readonly maxEvents: number;
  readonly maxMs: number;
}

/** `idle`: nothing is planned any more, though `done` is not true: what waits, waits for ever. */
export type Drive = 'done' | 'idle' | 'limit';

/** Runs events until `done`. All promises settle between two events, and work in threads ends. */
export function drive(done: () => boolean, { maxEvents, maxMs }: DriveLimits): Promise<Drive> {
  const { promise, resolve } = Promise.withResolvers<Drive>();
  const lastMs = schedule.nowMs + maxMs;
  let left = maxEvents;
  const turn = () => {
    const { nextAtMs } = schedule;
    if (isCounting()) real.setImmediate(turn);
    else if (done()) resolve('done');
    else if (nextAtMs === undefined) resolve('idle');
    else if (left === 0 || nextAtMs > lastMs) resolve('limit');
    else {
      left -= 1;
      step();
      real.setImmediate(turn);
    }
  };
  real.setImmediate(turn);
  return promise;
}

/**
 * Lets time pass whenever nothing else is to do, from now on. While real work outside of the world is going on (a file, a child
 * process), and while nothing waits but timers that are `unref`ed, time stands still; so the process ends as it would by itself.
 * After a week it stands still for good: what waits until then, such as a test beside a server, waits for ever, and Node says so.
 */
export function driveAlways(): void {
  const spins = 30;
  const lastMs = 7 * 24 * 3_600_000;
  let waited = 0;
  let isPlanned = false;
  const again = () => {
    isPlanned = schedule.keptAlive > 0;
    if (!isPlanned) return;
    if (waited > spins) real.setTimeout(turn, 1);
    else real.setImmediate(turn);
  };
  const turn = () => {
    const { nextAtMs } = schedule;
    if (nextAtMs !== undefined && nextAtMs > lastMs) return;
    if (nextAtMs !== undefined && nextAtMs > schedule.nowMs && isBusyOutside()) waited += 1;
    else {
      waited = 0;
      // Sockets and servers alone wait for the outside, or for ever.
      isPlanned = step();
      if (!isPlanned) return;
    }
    again();
  };
  schedule.listeners.onPlanned = () => {
    if (!isPlanned) again();
  };
  process.on('exit', (code) => {
    if (schedule.unfinished === 0 || code !== 0) return;
    process.exitCode = 1;
    process.stderr.write(`The process ended while ${schedule.unfinished} timers or servers were left.\n`);
  });
}
