// Runs a real server as a supervised child process. The server is ready when the promise resolves. It is killed when
// the process of the test ends for any reason.
// real-time: polls a process until it is ready, and limits how long it takes to start and stop
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Guard, guardProcessGroup } from './guard.ts';
import { isReady, type Readiness } from './readiness.ts';

export interface ProcessOptions {
  readonly command: string;
  readonly args?: readonly string[];
  /** The name of the process in messages. Default: the base name of `command`. */
  readonly name?: string;
  /** Variables added to this process's environment. `undefined` removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** The file to which stdout and stderr are appended. Default: a temporary file that is removed with the process. */
  readonly outputFile?: string;
  /** When the process counts as ready. Default: when it has been spawned. */
  readonly ready?: Readiness;
  /** Time in milliseconds in which the process must become ready; default two minutes. */
  readonly readyTimeoutMs?: number;
  /** The signal that `stop` sends; default SIGTERM. */
  readonly stopSignal?: NodeJS.Signals;
  /** Time in milliseconds that `stop` waits before SIGKILL; default 30 s. */
  readonly stopTimeoutMs?: number;
  /** Directories that are removed after the process has been stopped, or when the test process dies. */
  readonly removeAfter?: readonly string[];
}

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface SupervisedProcess {
  readonly pid: number;
  readonly outputFile: string;
  /**
   * Returns the lines of output so far. Without `outputFile`, call it before `stop` or `kill`, because they remove the
   * temporary file.
   */
  outputLines(): string[];
  isRunning(): boolean;
  /** Sends a signal to the process, but not to its group, and does not wait. */
  sendSignal(signal: NodeJS.Signals): void;
  /** Resolves when the process has ended for any reason. The other processes of its group are then killed. */
  waitForExit(): Promise<ProcessExit>;
  /**
   * Sends the stop signal, and kills the whole group after `stopTimeoutMs`. Resolves when the process has ended and the
   * directories of `removeAfter` are removed. Idempotent.
   */
  stop(signal?: NodeJS.Signals): Promise<ProcessExit>;
  /** Sends SIGKILL to the whole group immediately, and otherwise works like `stop`. */
  kill(): Promise<ProcessExit>;
}

const pollMs = 20;

/**
 * Starts a process in its own group. Rejects if the process cannot be spawned, ends before it is ready, or is not ready
 * in time. The message contains the end of its output. After a rejection, no process and no directory of `removeAfter`
 * is left. The caller ends the process with `stop`.
 */
export async function startProcess(options: ProcessOptions): Promise<SupervisedProcess> {
  const name = options.name ?? basename(options.command);
  const removeAfter = [...(options.removeAfter ?? [])];
  let outputFile = options.outputFile;
  if (outputFile === undefined) {
    const directory = mkdtempSync(join(tmpdir(), `cistern-${name}-`));
    removeAfter.push(directory);
    outputFile = join(directory, 'output.log');
  }
  const child = spawnInGroup(options, outputFile);
  const ended = new Promise<ProcessExit>((resolve, reject) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', (cause) => reject(new Error(`${name} could not be started: ${cause.message}`, { cause })));
  });
  const handle = supervise(child, { ...options, name, outputFile, removeAfter, ended });
  try {
    await untilReady(handle, ended, options);
    return handle;
  } catch (error) {
    const tail = handle.outputLines().slice(-40);
    await handle.kill().catch(() => {});
    throw new Error(
      `${error instanceof Error ? error.message : String(error)}\ncommand: ${[options.command, ...(options.args ?? [])].join(' ')}\n` +
        (tail.length > 0 ? `its last output:\n${tail.map((line) => `  ${line}`).join('\n')}` : 'it printed nothing.'),
      { cause: error },
    );
  }
}

function spawnInGroup(options: ProcessOptions, outputFile: string): ChildProcess {
  mkdirSync(dirname(outputFile), { recursive: true });
  const output = openSync(outputFile, 'a');
  try {
    const env: NodeJS.ProcessEnv = { ...process.env, ...options.env };
    // `node --test` sets this variable for its own test processes. A server on Node.js must not take itself for one of
    // them.
    delete env['NODE_TEST_CONTEXT'];
    return spawn(options.command, [...(options.args ?? [])], {
      env,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      stdio: ['ignore', output, output],
      detached: true,
    });
  } finally {
    closeSync(output);
  }
}

interface Supervision extends ProcessOptions {
  readonly name: string;
  readonly outputFile: string;
  readonly removeAfter: readonly string[];
  readonly ended: Promise<ProcessExit>;
}

function supervise(child: ChildProcess, options: Supervision): SupervisedProcess {
  const { pid = 0 } = child;
  const guard: Guard | undefined = pid === 0 ? undefined : guardProcessGroup(pid, options.removeAfter);
  // A child process must not keep a test alive that forgets `stop`. The guard then kills the child.
  child.unref();
  const isRunning = () => pid !== 0 && child.exitCode === null && child.signalCode === null;
  const killGroup = () => signalGroup(pid, 'SIGKILL');
  const ended = options.ended.finally(killGroup);
  ended.catch(() => {});

  async function waitForExit(): Promise<ProcessExit> {
    child.ref();
    return await ended;
  }

  async function end(signal: NodeJS.Signals): Promise<ProcessExit> {
    try {
      if (isRunning()) child.kill(signal);
      const timer = setTimeout(killGroup, options.stopTimeoutMs ?? 30_000);
      if (signal === 'SIGKILL') killGroup();
      return await waitForExit().finally(() => clearTimeout(timer));
    } finally {
      for (const directory of options.removeAfter)
        await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
      guard?.dismiss();
    }
  }

  return {
    pid,
    outputFile: options.outputFile,
    outputLines: () => readLines(options.outputFile),
    isRunning,
    sendSignal: (signal) => void child.kill(signal),
    waitForExit,
    stop: (signal = options.stopSignal ?? 'SIGTERM') => end(signal),
    kill: () => end('SIGKILL'),
  };
}

async function untilReady(handle: SupervisedProcess, ended: Promise<ProcessExit>, options: ProcessOptions) {
  const name = options.name ?? basename(options.command);
  const timeoutMs = options.readyTimeoutMs ?? 120_000;
  const polling = new AbortController();
  const endedEarly = ended.then((exit): never => {
    throw new Error(`${name} ended before it was ready (${exit.signal ?? `exit code ${exit.code}`}).`);
  });
  const tooLate = delay(timeoutMs, undefined, { signal: polling.signal }).then((): never => {
    throw new Error(`${name} was not ready after ${timeoutMs} ms.`);
  });
  try {
    await Promise.race([endedEarly, tooLate, pollUntilReady(handle, options.ready, polling.signal)]);
  } finally {
    polling.abort();
    endedEarly.catch(() => {});
    tooLate.catch(() => {});
  }
}

async function pollUntilReady(handle: SupervisedProcess, ready: Readiness | undefined, signal: AbortSignal) {
  // If there is no process id, the spawn has failed, and `ended` rejects with the reason.
  const there = async () =>
    handle.pid !== 0 && (ready === undefined || (await isReady(ready, () => handle.outputLines())));
  while (!signal.aborted && !(await there())) await delay(pollMs);
}

function readLines(path: string): string[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  if (group === 0) return;
  try {
    process.kill(-group, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
