// The frame of the commands that open a cache's data in a process of their own, beside whatever runs on it.
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

/** Resolves as `action` does. Rejects with `StartError` too, and with `CommandError` that says `interrupted`. */
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

/** On standard error: standard output is for what the command returns. */
export function commandLog(
  { log: { formatter, fields } }: Pick<Config, 'log'>,
  level: 'error' | 'warn',
  { stderr }: Pick<Terminal, 'stderr'>,
): Logger {
  return createLogger({ level, formatter, fields, destination: stderr });
}
