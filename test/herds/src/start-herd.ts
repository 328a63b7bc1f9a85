// A herd of clients in a process of its own, so that reading does not compete with the upstream for one event loop.
import { fork } from 'node:child_process';
import type { HerdEvent, HerdPlan } from './herd-client.ts';

export interface Herd {
  /** In order of arrival, with the time since the start. */
  readonly events: readonly (HerdEvent & { readonly atMs: number })[];
  /** Lets the slow client read as fast as it can. */
  hurry(): void;
  /** Resolves when `condition` holds; rejects if the herd dies before. */
  until(condition: (events: Herd['events']) => boolean): Promise<void>;
  close(): void;
}

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
  return {
    events,
    hurry: () => void child.send('hurry'),
    until: (condition) =>
      new Promise<void>((resolve, reject) => {
        const check = () => {
          if (!condition(events)) return;
          waiting.delete(check);
          resolve();
        };
        child.once('exit', () => reject(new Error('the herd has died')));
        waiting.add(check);
        check();
      }),
    close: () => void child.kill('SIGKILL'),
  };
}

/** Pulls one blob with many clients at once. Rejects if any client got anything but the blob. */
export async function pullAtOnce(
  plan: HerdPlan,
): Promise<{ readonly firstByteMs: number[]; readonly lastEndMs: number }> {
  const herd = startHerd(plan);
  try {
    await herd.until((events) => events.filter(({ kind }) => kind === 'end').length === plan.clients);
    for (const event of herd.events)
      if (event.kind === 'end' && (event.error !== undefined || event.wrongAt >= 0 || event.received !== plan.size))
        throw new Error(
          `client ${event.client} got ${event.received} bytes, wrong at ${event.wrongAt}: ${event.error}`,
        );
    const firstByteMs = herd.events.filter(({ kind }) => kind === 'first-byte').map(({ atMs }) => atMs);
    return { firstByteMs: firstByteMs.sort((a, b) => a - b), lastEndMs: herd.events.at(-1)?.atMs ?? Number.NaN };
  } finally {
    herd.close();
  }
}
