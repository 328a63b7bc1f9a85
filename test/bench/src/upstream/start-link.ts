// Runs a link in a process of its own, so that it does not compete with the measurement for one event loop.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { Counts, LinkLimits } from './link.ts';

export interface StartedLink {
  /** `http://127.0.0.1:<port>`. */
  readonly url: string;
  limit(limits: LinkLimits): Promise<void>;
  counts(part: string): Promise<Counts>;
  close(): Promise<void>;
}

/** Starts a link. The caller closes it. */
export async function startLink(targetUrl: string): Promise<StartedLink> {
  const program = new URL('link-process.ts', import.meta.url);
  const child = fork(program, [targetUrl], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const ended = once(child, 'exit');
  ended.catch(() => {});
  // Questions are answered in their order.
  let last: Promise<unknown> = Promise.resolve();
  const query = <T>(question: unknown): Promise<T> => {
    const pending = last.then(async () => {
      const answered = once(child, 'message');
      child.send(question as object);
      const [answer] = (await Promise.race([answered, ended.then(died)])) as [T];
      return answer;
    });
    last = pending.catch(() => {});
    return pending;
  };
  const [url] = (await Promise.race([once(child, 'message'), ended.then(died)])) as [string];
  return {
    url,
    limit: async (limits) => void (await query({ limits })),
    counts: (part) => query<Counts>({ part }),
    async close() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

function died(): never {
  throw new Error('the link to the upstream has ended');
}
