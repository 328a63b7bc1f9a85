// Kills a process group when this process dies for any reason. For this, a shell in its own session reads from a pipe
// that only this process holds. A handler for `exit` would miss a SIGKILL, and PR_SET_PDEATHSIG does not reach
// grandchildren.
import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';

export interface Guard {
  /** Ends the guard without killing or removing anything. Idempotent. */
  dismiss(): void;
}

const script = `
IFS= read -r dismissed && exit 0
[ -z "$1" ] || kill -s KILL -- "-$1"
shift
for attempt in 1 2 3 4 5; do
  rm -rf -- "$@" && exit 0
  sleep 0.2
done`;

/**
 * When this process has ended, kills the group and removes `directories`. The guard does not keep this process alive.
 */
export function guardProcessGroup(group: number, directories: readonly string[]): Guard {
  return guard(String(group), directories);
}

/** When this process has ended, removes a directory. For directories that several processes use one after another. */
export function guardDirectory(directory: string): Guard {
  return guard('', [directory]);
}

function guard(group: string, directories: readonly string[]): Guard {
  const shell = spawn('/bin/sh', ['-c', script, 'guard', group, ...directories], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    cwd: '/',
  });
  shell.unref();
  // A killed guard must not fail its test.
  shell.on('error', () => {});
  shell.stdin.on('error', () => {});
  (shell.stdin as Socket).unref();
  return {
    dismiss: () => {
      if (!shell.stdin.writableEnded) shell.stdin.end('dismissed\n');
    },
  };
}
