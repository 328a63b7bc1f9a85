// A herd of clients in a process of its own, so that reading does not compete with the upstream for one event loop.
// real-time: reports when clients of the herd did something; nothing asserts it
import { fork } from 'node:child_process';
import type { HerdEnd, HerdEvent, HerdPlan } from './herd-client.ts';

export interface Herd {
  /** In order of arrival, with the time since the start. */
  readonly events: readonly (HerdEvent & { readonly atMs: number })[];
  /** How clients ended, in that order. */
  ends(): HerdEnd[];
  /** Lets the slow clients read as fast as they can. */
  hurry(): void;
  /** Resolves when `condition` holds; rejects if the herd dies before. */
  until(condition: (events: Herd['events']) => boolean): Promise<void>;
  /** Resolves with how clients ended once all have. */
  ended(): Promise<HerdEnd[]>;
  close(): void;
}

/** The caller closes it. */
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
      const died = () => reject(new Error('the herd has died'));
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
