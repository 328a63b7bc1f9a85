// Advances virtual time, either for a run with an end, or for tests that do not know about virtual time.
import { isBusyOutside, isCounting } from './outside-work.ts';
import { real } from './real.ts';
import { schedule, step } from './schedule.ts';

export interface DriveLimits {
  readonly maxEvents: number;
  readonly maxMs: number;
}

/** `idle` means that no event is planned although `done` is not true: all pending work waits forever. */
export type Drive = 'done' | 'idle' | 'limit';

/** Runs events until `done`. Between two events all promises settle, and work in threads ends. */
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
 * Lets time pass from now on, whenever the process has nothing else to do. Time stands still during real work outside
 * of the world, such as a file or a child process. It also stands still while only `unref`ed timers wait, so the
 * process ends as usual. After a virtual week, time stops forever. Work that still waits then, such as a test with an
 * open server, never ends, and Node reports it.
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
      // If only sockets and servers are left, they wait for work outside of the world, or forever.
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
    process.stderr.write(`The process ended while ${schedule.unfinished} timers or servers were still open.\n`);
  });
}
