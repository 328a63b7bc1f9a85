// Handles SIGHUP. It makes a node reload its configuration. A terminal that closes sends the same signal, and then ends the
// nodes that run in it.
import { closeSync, openSync } from 'node:fs';
import type { Terminal } from '../terminal/terminal.ts';

export interface HangupHandlers {
  reload(): void;
  /** The node runs in a terminal that has been closed. */
  close(): void;
}

/**
 * Handles SIGHUP until the process ends. Returns a function that sets the handlers. A signal that arrives before is handled
 * then.
 */
export function watchHangup(
  { stdin, stdout }: Pick<Terminal, 'stdin' | 'stdout'>,
  terminalExists: () => boolean = hasTerminal,
): (handlers: HangupHandlers) => void {
  const isInteractive = stdin.isTTY === true || stdout.isTTY === true;
  const handlers = Promise.withResolvers<HangupHandlers>();
  process.on('SIGHUP', () => {
    const isLost = isInteractive && !terminalExists();
    void handlers.promise.then(({ reload, close }) => (isLost ? close() : reload()));
  });
  return handlers.resolve;
}

/** Returns true if the process has a controlling terminal. A terminal that was closed controls no process. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}
