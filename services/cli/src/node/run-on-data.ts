// The common parts of commands that open a cache's data in their own process, instead of sending requests to a node.
import { prepareDirectories } from '@cistern/assembly';
import type { Config } from '@cistern/config';
import { createLogger, type Logger } from '@cistern/telemetry';
import { abortOnSignal } from '../terminal/abort-on-signal.ts';
import { showProgress } from '../terminal/show-progress.ts';
import type { Terminal } from '../terminal/terminal.ts';

export interface DataTools {
  readonly log: Logger;
  /** Aborts when the user interrupts the command. */
  readonly signal: AbortSignal;
  showProgress(text: string): void;
}

/**
 * Resolves and rejects as `action` does. Also rejects with `StartError` if a directory cannot be used. `interrupted` is
 * the message of the `CommandError` with which `signal` aborts.
 */
export async function runOnData<T>(
  config: Config,
  terminal: Terminal,
  { level, interrupted }: { readonly level: 'error' | 'warn'; readonly interrupted: string },
  action: (tools: DataTools) => Promise<T>,
): Promise<T> {
  await prepareDirectories(config);
  const progress = showProgress(terminal, Date.now);
  const { signal, dispose } = abortOnSignal(interrupted);
  try {
    return await action({ log: commandLog(config, level, terminal), signal, showProgress: progress.show });
  } finally {
    dispose();
    progress.end();
  }
}

/** Creates a log on standard error, because standard output is for the result of the command. */
export function commandLog(
  { log: { formatter, fields } }: Pick<Config, 'log'>,
  level: 'error' | 'warn',
  { stderr }: Pick<Terminal, 'stderr'>,
): Logger {
  return createLogger({ level, formatter, fields, destination: stderr });
}
