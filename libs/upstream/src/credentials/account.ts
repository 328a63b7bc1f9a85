// One account at a registry: its credentials, and whether the registry takes them. Those that were refused are not shown
// again and again (accounts are locked for that), but as soon as they change they are.
import { CacheError, isCacheError } from '@cistern/errors';
import type { Logger, UpstreamMetrics } from '@cistern/telemetry';
import type { UpstreamCredentials } from '../open-upstream-options.ts';
import { nameUpstream, type UpstreamIdentity } from '../upstream-identity.ts';
import type { CredentialSource } from './credential-source.ts';

export interface Account {
  /** Of the configuration, or `anonymous`. */
  readonly name: string;
  /** `undefined`: ask as anybody. Rejects with `upstream-refused-us`: they cannot be had, or were refused a moment ago. */
  credentials(signal: AbortSignal): Promise<UpstreamCredentials | undefined>;
  accepted(used: UpstreamCredentials): void;
  refused(used: UpstreamCredentials): void;
}

export interface AccountOptions {
  readonly upstream: UpstreamIdentity;
  /** `undefined`: anonymous. */
  readonly source: CredentialSource | undefined;
  readonly metrics: UpstreamMetrics;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** The same credentials are shown again after this long, in case the registry has changed its mind. */
const showAgainMs = 30_000;

export function createAccount({ upstream, source, metrics, log, clock }: AccountOptions): Account {
  if (source === undefined)
    return { name: 'anonymous', credentials: async () => undefined, accepted() {}, refused() {} };
  const { name } = source;
  const labels = { upstream: upstream.name, endpoint: upstream.url.host, credential: name };
  let refusal: { readonly used: UpstreamCredentials; readonly atMs: number } | undefined;
  let bad = false;

  const setBad = (now: boolean, why: object = {}): void => {
    metrics.upstreamBudget.credentialsRefused.set(labels, now ? 1 : 0);
    if (now === bad) return;
    bad = now;
    if (now) log.error({ ...labels, ...why }, 'the credentials of an upstream are refused or cannot be had');
    else log.info(labels, 'the credentials of an upstream are accepted again');
  };
  setBad(false);

  return {
    name,
    async credentials(signal) {
      let current: UpstreamCredentials | undefined;
      try {
        current = await source.read(signal);
      } catch (error) {
        if (isCacheError(error)) setBad(true, { err: error });
        throw error;
      }
      if (current === undefined || refusal === undefined || !isSame(current, refusal.used)) return current;
      if (clock() - refusal.atMs >= showAgainMs) return current;
      throw new CacheError(
        'upstream-refused-us',
        `${nameUpstream(upstream)} does not accept the configured user name and password ("${name}"); they are tried again when they change.`,
        { detail: { upstream: upstream.name, credential: name } },
      );
    },
    accepted() {
      refusal = undefined;
      setBad(false);
    },
    refused(used) {
      refusal = { used, atMs: clock() };
      source.forget?.();
      setBad(true);
    },
  };
}

function isSame(one: UpstreamCredentials, other: UpstreamCredentials): boolean {
  return one.username === other.username && one.password === other.password;
}
