// Jobs that are done again and again in one process: a timer for each.
import { checkInterval } from '../job-queue.ts';

interface Schedule {
  readonly everyMs: number;
  readonly timer: NodeJS.Timeout;
  run: () => void;
}

export function createSchedules() {
  const schedules = new Map<string, Schedule>();
  return {
    /** Runs it at once if there is no such schedule or it has another interval, and from then on. */
    set(key: string, everyMs: number, run: () => void): void {
      checkInterval(everyMs);
      const known = schedules.get(key);
      if (known?.everyMs === everyMs) {
        known.run = run;
        return;
      }
      clearInterval(known?.timer);
      const schedule: Schedule = { everyMs, run, timer: setInterval(() => schedule.run(), everyMs) };
      schedules.set(key, schedule);
      run();
    },
    /** Ends all timers. */
    clear(): void {
      for (const { timer } of schedules.values()) clearInterval(timer);
      schedules.clear();
    },
  };
}
