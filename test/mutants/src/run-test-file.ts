// Runs one test file of a copied tree like `npm test`, up to its first failure.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { isVirtual } from '../../run/find-test-files.mjs';
import type { ReportedFailure } from './report-failures.ts';
import type { Outcome } from './verdict.ts';

/** A test that hangs usually fails by itself after one minute. */
const testTimeoutMs = 100_000;
const fileTimeoutMs = 300_000;
const maxMessageLength = 200;
const reporter = new URL('report-failures.ts', import.meta.url).href;

function commandOf(tree: string, file: string): readonly string[] {
  const mode = isVirtual(tree, file) ? ['--import', './test/simulation/src/virtual-time.ts'] : [];
  return [...mode, '--test', `--test-reporter=${reporter}`, `--test-timeout=${testTimeoutMs}`, file];
}

/** Output that shows that sources cannot be loaded, and not that they misbehave. */
const brokenPattern =
  /SyntaxError|ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX|ERR_INVALID_TYPESCRIPT_SYNTAX|ERR_MODULE_NOT_FOUND/;

/** `tree` is a copy whose files no other run changes meanwhile. `signal` ends the run, which then rejects. */
export async function runTestFile(tree: string, file: string, signal: AbortSignal): Promise<Outcome> {
  signal.throwIfAborted();
  const environment: NodeJS.ProcessEnv = { ...process.env };
  environment['NODE_COMPILE_CACHE'] = join(tree, 'node_modules', '.cache', 'cistern');
  // A test that runs this has set it, and the tests below are not that test's.
  delete environment['NODE_TEST_CONTEXT'];
  // The process has its own group, so that processes of the tests end with it.
  const child = spawn(process.execPath, commandOf(tree, file), {
    cwd: tree,
    env: environment,
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const end = () => endGroup(child.pid);
  signal.addEventListener('abort', end, { once: true });
  // real-time: a mutant may make a test file run forever
  const late = setTimeout(end, fileTimeoutMs);
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      const failure = JSON.parse(line) as ReportedFailure;
      end();
      await ended;
      return outcomeOf(failure);
    }
    const code = await ended;
    signal.throwIfAborted();
    if (code === 0) return { kind: 'passed' };
    return { kind: 'failed', test: file, message: `no end within ${fileTimeoutMs / 1000} s` };
  } finally {
    clearTimeout(late);
    signal.removeEventListener('abort', end);
  }
}

function outcomeOf({ test, message, isFile }: ReportedFailure): Outcome {
  const lines = message.split('\n').filter((line) => line.trim() !== '');
  const broken = isFile ? lines.find((line) => brokenPattern.test(line)) : undefined;
  if (broken !== undefined) return { kind: 'broken', message: broken };
  // `assert` has its finding in the second line.
  return { kind: 'failed', test, message: lines.slice(0, 2).join(' ').slice(0, maxMessageLength) };
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGTERM');
  } catch {
    // The process has already ended.
  }
}
