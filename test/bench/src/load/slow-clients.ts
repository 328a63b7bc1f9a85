// Starts many clients that read slowly, while the caller measures their cost.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { SlowAnswer, SlowPlan } from './slow-client-process.ts';

export interface SlowClients {
  /** Rejects if a client was disconnected. */
  readonly whole: Promise<never>;
  close(): Promise<void>;
}

/** Resolves when all clients are reading, and rejects if one cannot. The caller closes them. */
export async function startSlowClients(plan: SlowPlan): Promise<SlowClients> {
  const program = new URL('slow-client-process.ts', import.meta.url);
  const child = fork(program, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const ended = once(child, 'exit');
  child.send(plan);
  const failed = async (): Promise<never> => {
    const [answer] = (await once(child, 'message')) as [SlowAnswer];
    throw new Error('error' in answer ? answer.error : 'slow clients reported twice that they are reading');
  };
  const [answer] = (await once(child, 'message')) as [SlowAnswer];
  if ('error' in answer) throw new Error(`${plan.url}: ${answer.error}`);
  const whole = failed();
  whole.catch(() => {});
  return {
    whole,
    async close() {
      child.kill();
      await ended;
    },
  };
}
