// Reads credentials from docker's credential helpers, which log in to the registries of Amazon, Google and others. The
// credentials are cached for only some minutes, because only the helper knows when they expire.
import { execFile } from 'node:child_process';
import { createSingleFlight } from '@cistern/runtime';
import { type CredentialSource, unreadable, type UpstreamCredentials } from './credential-source.ts';

export interface CredentialHelperOptions {
  readonly name: string;
  /** The name or path of the program. */
  readonly program: string;
  /** Host and port of the registry. */
  readonly host: string;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** How long the answer of the helper is cached. Default: five minutes. */
  readonly keepMs?: number | undefined;
}

/** Credentials of Amazon are valid for 12 hours and of Google for one hour. Their helpers renew them in time. */
const defaultKeepMs = 5 * 60_000;

export function credentialHelper({ name, host, ...options }: CredentialHelperOptions): CredentialSource {
  const { program } = options;
  const [server] = dockerServers(host);
  const helper = openHelper({ ...options, server });
  return {
    name,
    async read(signal) {
      const credentials = await helper.read(signal);
      if (credentials === undefined) throw unreadable(`${program} has no credentials for ${server}`);
      return credentials;
    },
    forget: () => helper.forget(),
  };
}

export interface Helper {
  read(signal: AbortSignal): Promise<UpstreamCredentials | undefined>;
  forget(): void;
}

/** Caches the answers of a helper. Concurrent reads run the helper only one time. */
export function openHelper(
  options: Pick<CredentialHelperOptions, 'program' | 'clock' | 'keepMs'> & { readonly server: string },
): Helper {
  const { program, server, clock, keepMs = defaultKeepMs } = options;
  const share = createSingleFlight<UpstreamCredentials | undefined>();
  let kept: { readonly atMs: number; readonly credentials: UpstreamCredentials | undefined } | undefined;
  return {
    async read(signal) {
      if (kept !== undefined && clock() - kept.atMs < keepMs) return kept.credentials;
      const credentials = await share('', signal, (shared) => runHelper(program, server, shared));
      kept = { atMs: clock(), credentials };
      return credentials;
    },
    forget() {
      kept = undefined;
    },
  };
}

const timeoutMs = 15_000;
const maxAnswerBytes = 256 * 1024;
/** The message of a helper that has no credentials for a server. It then exits with 1. */
const notFound = /credentials not found/i;

/**
 * Runs `docker-credential-<name> get`, the protocol of docker's credential helpers. The server goes to standard input,
 * and JSON comes from standard output. Returns `undefined` if the helper has no credentials for this server. Rejects
 * with `upstream-refused-us` or the signal's reason.
 */
async function runHelper(
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
    // A helper may ignore its input. Its exit status shows whether it succeeded.
    child.stdin?.on('error', () => {});
    child.stdin?.end(`${server}\n`);
  });
}

/** Describes the failure without the output of the helper, which may contain a secret. */
function describe({ code, killed, signal }: Failure): string {
  if (code === 'ENOENT') return 'is not installed';
  if (killed === true) return `did not answer within ${timeoutMs / 1000} seconds`;
  return signal ? `was killed by ${signal}` : `failed with ${code ?? 'an error'}`;
}

function parse(program: string, stdout: string): UpstreamCredentials {
  let answer: unknown;
  try {
    answer = JSON.parse(stdout);
  } catch {
    throw unreadable(`${program} answered with text that is not JSON`);
  }
  const { Username: username, Secret: password } = (answer ?? {}) as Record<string, unknown>;
  if (typeof username !== 'string' || typeof password !== 'string')
    throw unreadable(`${program} answered without a user name and a secret`);
  return { username, password };
}

/** Returns the names under which docker may have stored the login of a registry. Helpers receive the first name. */
export function dockerServers(host: string): readonly [string, ...string[]] {
  const others = [host, `https://${host}`, `https://${host}/v1/`, `https://${host}/v2/`] as const;
  return host === 'docker.io' || host.endsWith('.docker.io')
    ? ['https://index.docker.io/v1/', 'index.docker.io', 'docker.io', ...others]
    : others;
}
