// Provides a lock between processes that is released when its holder dies. The lock uses the command `flock` of
// util-linux, which every Debian system has.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Waits for the lock on `path`, runs `action` and releases the lock. */
export async function withFileLock<T>(path: string, action: () => Promise<T>): Promise<T> {
  const holder = spawn('flock', [path, 'sh', '-c', 'echo locked; read -r done'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(holder, 'exit');
  // `once` rejects on `error`. While the action runs, nothing awaits `exited`, so a rejection would be unhandled.
  exited.catch(() => {});
  const locked = once(holder.stdout, 'data');
  await Promise.race([
    locked,
    exited.then(() => {
      throw new Error(`could not lock ${path}: flock ended without the lock`);
    }),
  ]);
  try {
    return await action();
  } finally {
    holder.stdin.end();
    await exited;
  }
}
