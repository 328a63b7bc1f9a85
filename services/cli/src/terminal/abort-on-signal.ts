// Stops a long command at SIGINT or SIGTERM. A second signal of the same kind ends the process.
import { CommandError } from './command-error.ts';

/** Returns an `AbortSignal` that aborts with a `CommandError` of this message. The caller calls `dispose`. */
export function abortOnSignal(message: string) {
  const controller = new AbortController();
  const stop = () => controller.abort(new CommandError(message));
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.once(signal, stop);
  return {
    signal: controller.signal,
    dispose() {
      for (const signal of signals) process.off(signal, stop);
    },
  };
}
