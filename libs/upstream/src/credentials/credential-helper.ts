// Credentials of a helper, kept for some minutes: what it gives expires at a time that only it knows.
import type { UpstreamCredentials } from '../upstream-settings.ts';
import { createSingleFlight } from '@cistern/runtime';
import { type CredentialSource, unreadable } from './credential-source.ts';
import { dockerServers } from './docker-servers.ts';
import { runHelper } from './run-helper.ts';

export interface CredentialHelperOptions {
  readonly name: string;
  /** Its name or path. */
  readonly program: string;
  /** Host and port of the registry. */
  readonly host: string;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** How long its answer is good for; default: five minutes. */
  readonly keepMs?: number | undefined;
}

/** Amazon's are good for 12 hours and Google's for one, and their helpers renew them in time. */
const defaultKeepMs = 5 * 60_000;

export function credentialHelper(options: CredentialHelperOptions): CredentialSource {
  const { name, program, host, clock, keepMs } = options;
  const [server] = dockerServers(host);
  const get = keepAnswers({ clock, keepMs, ask: (signal) => runHelper(program, server, signal) });
  return {
    name,
    async read(signal) {
      const credentials = await get.read(signal);
      if (credentials === undefined) throw unreadable(`${program} has none for ${server}`);
      return credentials;
    },
    forget: () => get.forget(),
  };
}

export interface KeptAnswers {
  read(signal: AbortSignal): Promise<UpstreamCredentials | undefined>;
  forget(): void;
}

/** One question at a time, whoever asks. */
export function keepAnswers(options: {
  readonly ask: (signal: AbortSignal) => Promise<UpstreamCredentials | undefined>;
  readonly clock: () => number;
  readonly keepMs?: number | undefined;
}): KeptAnswers {
  const { ask, clock, keepMs = defaultKeepMs } = options;
  const share = createSingleFlight<UpstreamCredentials | undefined>();
  let kept: { readonly atMs: number; readonly credentials: UpstreamCredentials | undefined } | undefined;
  return {
    async read(signal) {
      if (kept !== undefined && clock() - kept.atMs < keepMs) return kept.credentials;
      const credentials = await share('', signal, ask);
      kept = { atMs: clock(), credentials };
      return credentials;
    },
    forget() {
      kept = undefined;
    },
  };
}
