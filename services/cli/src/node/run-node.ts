// The life of a node as a process: from its configuration, through its log, to the signal that ends it.
import type { Config } from '@cistern/config';
import { type NodeKind, openNode } from './open-node.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { createLogger, type Logger } from '@cistern/telemetry';
import closeWithGrace from 'close-with-grace';
import { destination } from 'pino';
import { writeTogether } from '../terminal/write-together.ts';

/** Signals closer together than this are one request: Ctrl-C comes from the terminal, from npm and from the launcher. */
const sameRequestMs = 500;
/** After an uncaught error a fresh process is worth more than the requests in flight. */
const graceAfterErrorMs = 2000;
/** On top of the grace, for what `close` does after it. */
const closingMs = 10_000;

/** Resolves when the node listens; it ends with the process. Rejects, with everything closed, if it cannot start. */
export async function runNode(config: Config, kind: NodeKind, { env, stdout, stderr }: Terminal): Promise<void> {
  const { log, accessLog } = openLog(config.log, stdout);
  const node = await openNode(config, kind, { env, log, accessLog });
  collectGarbage();
  const urls = await node.listen();
  closeOnSignal(log, config.http.drainTimeoutMs, node.close);
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
) {
  // Its own listener is the first to hear of the exit: pino's then writes what it has passed on.
  process.once('exit', () => output.flush());
  const stdout = destination({ fd, sync: false, contentMode: 'buffer' });
  // Its types know only strings.
  const output = writeTogether({ write: (bytes) => stdout.write(bytes as unknown as string) });
  stdout.on('write', output.written);
  return {
    log: createLogger({ level, formatter, fields, destination: output }),
    // Takes a line without its break; `undefined`: requests are in `log` only.
    // In JSON every request is an object with all of this and more, and a line of another form would break its readers.
    accessLog: accessLogEnabled && formatter === 'text' ? (line: string) => output.write(`${line}\n`) : undefined,
  };
}

/**
 * The process ends gracefully at the first signal, at once at the second, and never silently. Takes over the process's
 * signals and uncaught errors, for good. `close` is called once and may wait `graceMs` for requests in flight. The exit code
 * is 0, or 1 if `close` rejects or an error was the reason.
 */
function closeOnSignal(log: Logger, graceMs: number, close: (graceMs: number) => Promise<void>): void {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  let closingSinceMs: number | undefined;
  const closing = closeWithGrace(
    {
      delay: graceMs + closingMs,
      skip: [...signals],
      logger: { error: (failure: unknown) => log.error({ err: failure }, 'closing failed') },
      onSecondError: (error) => log.fatal({ err: error }, 'a second uncaught error, exiting at once'),
      onTimeout: () => log.error('closing took too long, exiting at once'),
    },
    async ({ err }) => {
      closingSinceMs ??= performance.now();
      if (err !== undefined) log.fatal({ err }, 'an error that nobody caught, closing');
      await close(err === undefined ? graceMs : Math.min(graceMs, graceAfterErrorMs));
    },
  );

  const onSignal = (signal: NodeJS.Signals): void => {
    if (closingSinceMs === undefined) {
      closingSinceMs = performance.now();
      log.info({ signal, graceMs }, 'closing; a second signal ends it at once');
      closing.close();
    } else if (performance.now() - closingSinceMs >= sameRequestMs) {
      log.warn({ signal }, 'exiting at once');
      process.exit(1);
    }
  };
  for (const signal of signals) process.on(signal, onSignal);
}
