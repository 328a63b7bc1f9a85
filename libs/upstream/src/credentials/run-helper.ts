// The protocol of docker's credential helpers: `docker-credential-<name> get`, the server on standard input, JSON on
// standard output. Amazon's, Google's and others' registries are logged in to that way.
import { execFile } from 'node:child_process';
import type { UpstreamCredentials } from '../upstream-settings.ts';
import { unreadable } from './credential-source.ts';

const timeoutMs = 15_000;
const maxAnswerBytes = 256 * 1024;
/** What helpers say, and exit with 1, when they know nothing of a server. */
const notFound = /credentials not found/i;

/** `undefined`: the helper has none for this server. Rejects with `upstream-refused-us` or the signal's reason. */
export async function runHelper(
  program: string,
  server: string,
  signal: AbortSignal,
): Promise<UpstreamCredentials | undefined> {
  const { error, stdout } = await run(program, server, signal);
  signal.throwIfAborted();
  if (error !== null) {
    if (notFound.test(stdout)) return undefined;
    throw unreadable(`${program} ${describe(error)}`);
  }
  return parse(program, stdout);
}

type Failure = NonNullable<Parameters<NonNullable<Parameters<typeof execFile>[3]>>[0]>;

function run(
  program: string,
  server: string,
  signal: AbortSignal,
): Promise<{ readonly error: Failure | null; readonly stdout: string }> {
  return new Promise((resolve) => {
    const options = { timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: maxAnswerBytes, signal } as const;
    const child = execFile(program, ['get'], options, (error, stdout) => resolve({ error, stdout }));
    // One that does not read has its own reasons; how it ends says the rest.
    child.stdin?.on('error', () => {});
    child.stdin?.end(`${server}\n`);
  });
}

/** What it printed stays out: that may be a secret. */
function describe({ code, killed, signal }: Failure): string {
  if (code === 'ENOENT') return 'is not installed';
  if (killed === true) return `did not answer within ${timeoutMs / 1000} seconds`;
  return signal ? `was ended by ${signal}` : `ended with ${code ?? 'an error'}`;
}

function parse(program: string, stdout: string): UpstreamCredentials {
  let answer: unknown;
  try {
    answer = JSON.parse(stdout);
  } catch {
    throw unreadable(`${program} answered with something that is not JSON`);
  }
  const { Username: username, Secret: password } = (answer ?? {}) as Record<string, unknown>;
  if (typeof username !== 'string' || typeof password !== 'string')
    throw unreadable(`${program} answered without a user name and a secret`);
  return { username, password };
}
