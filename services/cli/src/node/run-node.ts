// Runs a node as a process: opens its log, starts it, and shuts it down on a signal.
import { write } from 'node:fs';
import type { Config } from '@cistern/config';
import { type NodeKind, openNode } from './open-node.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { createLogger, type Logger } from '@cistern/telemetry';
import closeWithGrace from 'close-with-grace';
import { createLineBuffer } from '../terminal/create-line-buffer.ts';
import type { ReloadOptions } from './create-reload.ts';
import { openOutput, reportFailures } from './open-output.ts';
import { watchHangup } from './watch-hangup.ts';

/**
 * Signals within this time after the first one count as the same signal. The signal of one Ctrl-C can arrive from the
 * terminal, from npm and from the launcher.
 */
const sameRequestMs = 500;
/** A file descriptor. */
const standardError = 2;
/** The grace period after an uncaught error. It is short, because a restart is more urgent than requests in flight. */
const graceAfterErrorMs = 2000;
/** The time that `close` can take after the grace period, before the process exits anyway. */
const closingMs = 10_000;

/**
 * Resolves when the node listens. The node then runs until the process ends, and reloads its configuration on SIGHUP. If
 * the node cannot start, closes the node and rejects.
 */
export async function runNode(
  { config, read }: Pick<ReloadOptions, 'config' | 'read'>,
  kind: NodeKind,
  { env, stdin, stdout, stderr }: Terminal,
): Promise<void> {
  const handleHangup = watchHangup({ stdin, stdout });
  const { log, accessLog } = openLog(config.log, stdout);
  const node = await openNode(config, kind, { env, log, accessLog, read });
  collectGarbage();
  const urls = await node.listen();
  const close = closeOnSignal(log, config.http.drainTimeoutMs, node.close);
  handleHangup({ reload: () => void node.reload(), close: () => close('SIGHUP') });
  if (config.log.formatter === 'text' || stderr.isTTY === true) stderr.write(kind.greet(config, urls));
}

/**
 * Runs one garbage collection, which blocks the process for about 60 ms. The collection returns memory to the kernel
 * and shrinks V8's young generation. Does nothing without `--expose-gc`, which the launcher and the image pass.
 */
function collectGarbage(): void {
  globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}

/** Opens the log. Lines in its buffers are written when the process exits. */
function openLog(
  { level, formatter, fields, accessLogEnabled }: Config['log'],
  { fd }: Pick<Terminal['stdout'], 'fd'>,
) {
  // This listener runs before that of the file. So the file's listener writes the lines that this one flushes.
  process.once('exit', () => output.flush());
  const file = openOutput({ dest: fd, contentMode: 'buffer' });
  // The types allow only strings.
  const output = createLineBuffer({ write: (bytes) => file.write(bytes as unknown as string) });
  file.on('write', output.written);
  const log = createLogger({ level, formatter, fields, destination: output });
  reportFailures(file, {
    onError: ({ message }) =>
      // `process.stderr` would emit an error if it cannot be written, too.
      write(standardError, `cistern: the log cannot be written (${message}). The cache continues.\n`, () => {}),
    onLost: (bytes) => log.warn({ bytes }, 'log lines lost, because the output could not be written'),
  });
  return {
    log,
    // Takes a line without its line break. `undefined` means that requests are written to `log`.
    accessLog: accessLogEnabled ? (line: string) => output.write(`${line}\n`) : undefined,
  };
}

/**
 * Shuts the process down gracefully at the first signal or uncaught error, and exits with code 1 at a second one. Logs
 * each of them. Handles the signals and uncaught errors of the process until it exits. Calls `close` only once, with
 * the time that it can wait for requests in flight. The exit code is 0 only if a signal was the reason and `close`
 * succeeds in time. Returns the function that handles a signal.
 */
function closeOnSignal(
  log: Logger,
  graceMs: number,
  close: (graceMs: number) => Promise<void>,
): (signal: NodeJS.Signals) => void {
  const signals = ['SIGINT', 'SIGTERM'] as const;
  let closingSinceMs: number | undefined;
  const closing = closeWithGrace(
    {
      delay: graceMs + closingMs,
      skip: [...signals, 'SIGHUP'],
      // An outage would hide an error, but this is the reason of the exit code.
      logger: { error: (failure: unknown) => log.fatal({ err: failure }, 'shutdown failed') },
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
  return onSignal;
}
