// Starts a herd of clients in a process of its own, so that it does not compete with the upstream for one event loop.
// real-time: reports the times of events; nothing asserts them
import { fork } from 'node:child_process';
import type { HerdEnd, HerdEvent, HerdPlan } from './herd-client.ts';

export interface Herd {
  /** Events in order of arrival, with the time since the start. */
  readonly events: readonly (HerdEvent & { readonly atMs: number })[];
  /** Returns the ends of the clients in that order. */
  ends(): HerdEnd[];
  /** Lets the slow clients read as fast as they can. */
  hurry(): void;
  /** Resolves when `condition` holds, and rejects if the herd's process ends before. */
  until(condition: (events: Herd['events']) => boolean): Promise<void>;
  /** Resolves to all ends once all clients have ended. */
  ended(): Promise<HerdEnd[]>;
  close(): void;
}

/** The caller closes the herd. */
export function startHerd(plan: HerdPlan): Herd {
  const child = fork(new URL('herd-client.ts', import.meta.url), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const events: (HerdEvent & { atMs: number })[] = [];
  const waiting = new Set<() => void>();
  const startedAtMs = performance.now();
  child.on('message', (event) => {
    events.push({ ...(event as HerdEvent), atMs: performance.now() - startedAtMs });
    for (const check of waiting) check();
  });
  child.send(plan);
  const ends = () => events.filter((event) => event.kind === 'end');
  const until: Herd['until'] = (condition) =>
    new Promise<void>((resolve, reject) => {
      const died = () => reject(new Error('the herd process has ended'));
      const check = () => {
        if (!condition(events)) return;
        waiting.delete(check);
        child.off('exit', died);
        resolve();
      };
      child.once('exit', died);
      waiting.add(check);
      check();
    });
  return {
    events,
    ends,
    hurry: () => void child.send('hurry'),
    until,
    async ended() {
      await until(() => ends().length === plan.clients);
      return ends();
    },
    close: () => void child.kill('SIGKILL'),
  };
}
