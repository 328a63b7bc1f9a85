// Runs `runSocketLoad` in a process of its own.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import type { RatedResult, SocketLoad } from './run-socket-load.ts';

export type SocketLoadAnswer = RatedResult | { readonly error: string };

/** Rejects like `runSocketLoad`. */
export async function socketLoad(load: SocketLoad): Promise<RatedResult> {
  const program = new URL('socket-load-process.ts', import.meta.url);
  const child = fork(program, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const ended = once(child, 'exit').then((): never => {
    throw new Error('the process of the load has ended');
  });
  ended.catch(() => {});
  try {
    child.send(load);
    const [answer] = (await Promise.race([once(child, 'message'), ended])) as [SocketLoadAnswer];
    if ('error' in answer) throw new Error(`${load.url}: ${answer.error}`);
    return answer;
  } finally {
    child.kill('SIGKILL');
  }
}
