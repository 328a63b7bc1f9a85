// How the process ends: gracefully at the first signal, at once at the second, and never silently.
import type { Logger } from '@cistern/telemetry';
import closeWithGrace from 'close-with-grace';

/** Signals closer together than this are one wish: Ctrl-C comes from the terminal, from npm and from the launcher. */
const oneWishMs = 500;
/** After an error that nobody caught, what is in flight is worth less than a fresh process. */
const graceAfterErrorMs = 2000;
/** On top of the grace, for what `close` does after it. */
const closingMs = 10_000;

export interface CloseOnSignalOptions {
  readonly log: Logger;
  /** How long `close` may let requests in flight go on, in milliseconds. */
  readonly graceMs: number;
  /** Called once. The process exits when it is done: 0, or 1 if it rejects or an error was the reason. */
  readonly close: (graceMs: number) => Promise<void>;
}

/** Takes over the process's signals and uncaught errors, for good. */
export function closeOnSignal({ log, graceMs, close }: CloseOnSignalOptions): void {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  let askedAt: number | undefined;
  const closing = closeWithGrace(
    {
      delay: graceMs + closingMs,
      skip: [...signals],
      logger: { error: (failure: unknown) => log.error({ err: failure }, 'closing failed') },
      onSecondError: (error) => log.fatal({ err: error }, 'a second uncaught error, exiting at once'),
      onTimeout: () => log.error('closing took too long, exiting at once'),
    },
    async ({ err }) => {
      askedAt ??= performance.now();
      if (err !== undefined) log.fatal({ err }, 'an error that nobody caught, closing');
      await close(err === undefined ? graceMs : Math.min(graceMs, graceAfterErrorMs));
    },
  );

  const onSignal = (signal: NodeJS.Signals): void => {
    if (askedAt === undefined) {
      askedAt = performance.now();
      log.info({ signal, graceMs }, 'closing; a second signal ends it at once');
      closing.close();
    } else if (performance.now() - askedAt >= oneWishMs) {
      log.warn({ signal }, 'exiting at once');
      process.exit(1);
    }
  };
  for (const signal of signals) process.on(signal, onSignal);
}
