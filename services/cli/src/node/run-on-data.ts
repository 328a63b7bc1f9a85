// The common parts of commands that open a cache's data in their own process, alongside running nodes.
import { prepareDirectories } from '@cistern/assembly';
import type { Config } from '@cistern/config';
import { createLogger, type Logger } from '@cistern/telemetry';
import { abortOnSignal } from '../terminal/abort-on-signal.ts';
import { showProgress } from '../terminal/show-progress.ts';
import type { Terminal } from '../terminal/terminal.ts';

export interface DataTools {
  readonly log: Logger;
  /** Aborts when the command is interrupted. */
  readonly signal: AbortSignal;
  showProgress(text: string): void;
}

/** Resolves as `action` does. Also rejects with `StartError`, and with a `CommandError` of the text `interrupted`. */
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

/** Creates a log on standard error, because standard output is for the command's result. */
export function commandLog(
  { log: { formatter, fields } }: Pick<Config, 'log'>,
  level: 'error' | 'warn',
  { stderr }: Pick<Terminal, 'stderr'>,
): Logger {
  return createLogger({ level, formatter, fields, destination: stderr });
}
