// Ends a long command at the first signal. A second signal ends the process as usual.
import { CommandError } from './command-error.ts';

/** The returned signal aborts with a `CommandError` of this message. The caller calls `dispose`. */
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
