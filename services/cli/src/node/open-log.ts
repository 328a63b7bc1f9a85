// The process's log on standard output, and the access log beside it.
import type { Config } from '@cistern/config';
import { createLogger, type Logger } from '@cistern/telemetry';
import { destination } from 'pino';
import type { Terminal } from '../terminal/terminal.ts';
import { writeTogether } from '../terminal/write-together.ts';

export interface OpenedLog {
  readonly log: Logger;
  /** Takes a line without its break; `undefined`: requests are in `log` only. */
  readonly accessLog: ((line: string) => void) | undefined;
}

/** What is written is flushed when the process exits. */
export function openLog(
  { level, formatter, fields, accessLogEnabled }: Config['log'],
  { fd }: Pick<Terminal['stdout'], 'fd'>,
): OpenedLog {
  // Its own listener is the first to hear of the exit: pino's then writes what it has passed on.
  process.once('exit', () => output.flush());
  const stdout = destination({ fd, sync: false, contentMode: 'buffer' });
  // Its types know only strings.
  const output = writeTogether({ write: (bytes) => stdout.write(bytes as unknown as string) });
  stdout.on('write', output.written);
  return {
    log: createLogger({ level, formatter, fields, destination: output }),
    // In JSON every request is an object with all of this and more, and a line of another form would break its readers.
    accessLog: accessLogEnabled && formatter === 'text' ? (line) => output.write(`${line}\n`) : undefined,
  };
}
