// Runs a node as a process: opens its log, starts it, and shuts it down on a signal.
import type { Config } from '@cistern/config';
import { type NodeKind, openNode } from './open-node.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { createLogger, type Logger } from '@cistern/telemetry';
import closeWithGrace from 'close-with-grace';
import { destination } from 'pino';
import { createLineBuffer } from '../terminal/create-line-buffer.ts';

/**
 * Signals closer together than this count as one, because Ctrl-C comes from the terminal, from npm and from the
 * launcher.
 */
const sameRequestMs = 500;
/** The grace after an uncaught error is short, because a fresh process matters more than the requests in flight. */
const graceAfterErrorMs = 2000;
/** The time that `close` may take after the grace. */
const closingMs = 10_000;

/**
 * Resolves when the node listens. The node runs until the process ends. Rejects, with everything closed, if it cannot
 * start.
 */
export async function runNode(config: Config, kind: NodeKind, { env, stdout, stderr }: Terminal): Promise<void> {
  const { log, accessLog } = openLog(config.log, stdout);
  const node = await openNode(config, kind, { env, log, accessLog });
  collectGarbage();
  const urls = await node.listen();
  closeOnSignal(log, config.http.drainTimeoutMs, node.close);
  if (config.log.formatter === 'text' || stderr.isTTY === true) stderr.write(kind.greet(config, urls));
}

/**
 * Collects garbage once, which blocks the process for about 60 ms. It returns memory to the kernel and shrinks the
 * young generation. Does nothing without `--expose-gc`, which the launcher and the image pass.
 */
function collectGarbage(): void {
  globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}

/** Opens the log. Written lines are flushed when the process exits. */
function openLog(
  { level, formatter, fields, accessLogEnabled }: Config['log'],
  { fd }: Pick<Terminal['stdout'], 'fd'>,
) {
  // This listener runs before pino's, which then writes the flushed lines.
  process.once('exit', () => output.flush());
  const stdout = destination({ fd, sync: false, contentMode: 'buffer' });
  // pino's types allow only strings.
  const output = createLineBuffer({ write: (bytes) => stdout.write(bytes as unknown as string) });
  stdout.on('write', output.written);
  return {
    log: createLogger({ level, formatter, fields, destination: output }),
    // Takes a line without its line break. `undefined` means that requests appear only in `log`.
    // A JSON log already has an object with more fields for each request, and plain lines would break its readers.
    accessLog: accessLogEnabled && formatter === 'text' ? (line: string) => output.write(`${line}\n`) : undefined,
  };
}

/**
 * Ends the process gracefully at the first signal and immediately at the second, and logs both. Takes over the
 * process's signals and uncaught errors permanently. Calls `close` once, which may wait `graceMs` for requests in
 * flight. The exit code is 0, or 1 if `close` rejects or an error was the reason.
 */
function closeOnSignal(log: Logger, graceMs: number, close: (graceMs: number) => Promise<void>): void {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  let closingSinceMs: number | undefined;
  const closing = closeWithGrace(
    {
      delay: graceMs + closingMs,
      skip: [...signals],
      logger: { error: (failure: unknown) => log.error({ err: failure }, 'shutdown failed') },
      onSecondError: (error) => log.fatal({ err: error }, 'second uncaught error, exiting immediately'),
      onTimeout: () => log.error('shutdown timed out, exiting immediately'),
    },
    async ({ err }) => {
      closingSinceMs ??= performance.now();
      if (err !== undefined) log.fatal({ err }, 'uncaught error, shutting down');
      await close(err === undefined ? graceMs : Math.min(graceMs, graceAfterErrorMs));
    },
  );

  const onSignal = (signal: NodeJS.Signals): void => {
    if (closingSinceMs === undefined) {
      closingSinceMs = performance.now();
      log.info({ signal, graceMs }, 'shutting down; a second signal exits immediately');
      closing.close();
    } else if (performance.now() - closingSinceMs >= sameRequestMs) {
      log.warn({ signal }, 'second signal, exiting immediately');
      process.exit(1);
    }
  };
  for (const signal of signals) process.on(signal, onSignal);
}
