// The life of a node as a process: from its configuration, through its log, to the signal that ends it.
import type { Config } from '@cistern/config';
import { closeOnSignal } from './close-on-signal.ts';
import { type NodeKind, openNode } from './open-node.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { createLogger, type Logger } from '@cistern/telemetry';
import { destination } from 'pino';
import { writeTogether } from '../terminal/write-together.ts';

interface OpenedLog {
  readonly log: Logger;
  /** Takes a line without its break; `undefined`: requests are in `log` only. */
  readonly accessLog: ((line: string) => void) | undefined;
}

/** Resolves when the node listens; it ends with the process. Rejects, with everything closed, if it cannot start. */
export async function runNode(config: Config, kind: NodeKind, { env, stdout, stderr }: Terminal): Promise<void> {
  const { log, accessLog } = openLog(config.log, stdout);
  const node = await openNode(config, kind, { env, log, accessLog });
  collectGarbage();
  const urls = await node.listen();
  closeOnSignal({ log, graceMs: config.http.drainTimeoutMs, close: node.close });
  if (config.log.formatter === 'text' || stderr.isTTY === true) stderr.write(kind.greet(config, urls));
}

/**
 * Takes some 60 ms in which nothing else happens, once. Gives memory back to the kernel, and lets the young generation begin
 * small again. Does nothing where the process was not started with `--expose-gc`, as the launcher and the image do.
 */
function collectGarbage(): void {
  globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}

/** What is written is flushed when the process exits. */
function openLog(
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
