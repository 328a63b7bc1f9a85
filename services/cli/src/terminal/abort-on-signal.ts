// Commands that take long end at a signal; a second one ends the process as usual.
import { CommandError } from './command-error.ts';

export interface Interrupt {
  /** Aborts with a `CommandError` that says `message`. */
  readonly signal: AbortSignal;
  dispose(): void;
}

export function abortOnSignal(message: string): Interrupt {
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
