// Commands that take long end at a signal; a second one ends the process as usual.
import { CommandError } from './command-error.ts';

/** The signal aborts with a `CommandError` that says `message`. */
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
