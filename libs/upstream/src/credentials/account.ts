// One account at a registry: its credentials, and who accepts them. Refused credentials are not shown again at once
// (accounts are locked for that), except when they change. A refusal holds for those who refused, and for nobody else.
import { CacheError, isCacheError } from '@cistern/errors';
import type { RepositoryName } from '@cistern/oci';
import type { Logger, UpstreamMetrics } from '@cistern/telemetry';
import type { UpstreamCredentials } from '../open-upstream-options.ts';
import { nameUpstream, type UpstreamIdentity } from '../upstream-identity.ts';
import type { CredentialSource } from './credential-source.ts';

/** The registry itself, or a token server, when it is asked about one repository. */
export interface Verifier {
  readonly url: string;
  readonly repository: RepositoryName | undefined;
}

export interface Account {
  /** Of the configuration, or `anonymous`. */
  readonly name: string;
  /**
   * To show to `verifier`. `undefined`: ask as anybody. Rejects with `upstream-refused-us`: they cannot be had, or it
   * refused them a moment ago.
   */
  credentials(signal: AbortSignal, verifier: Verifier): Promise<UpstreamCredentials | undefined>;
  accepted(used: UpstreamCredentials, verifier: Verifier): void;
  refused(used: UpstreamCredentials, verifier: Verifier): void;
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
/** A registry names its token servers itself, so their number needs a limit. */
const maxVerifiers = 100;

export function createAccount({ upstream, source, metrics, log, clock }: AccountOptions): Account {
  if (source === undefined)
    return { name: 'anonymous', credentials: async () => undefined, accepted() {}, refused() {} };
  const { name } = source;
  const labels = { upstream: upstream.name, endpoint: upstream.url.host, credential: name };
  /** By the verifier's URL, and by URL and repository where that verifier has accepted the same credentials before. */
  const refusals = new Map<string, Refusal>();
  let proven: { readonly used: UpstreamCredentials; readonly urls: Set<string> } | undefined;
  let bad = false;

  const setBad = (now: boolean, why: object = {}): void => {
    metrics.upstreamBudget.credentialsRefused.set(labels, now ? 1 : 0);
    if (now === bad) return;
    bad = now;
    if (now) log.error({ ...labels, ...why }, 'the credentials of an upstream are refused or cannot be had');
    else log.info(labels, 'the credentials of an upstream are accepted again');
  };
  setBad(false);

  const stands = ({ used, atMs }: Refusal, current: UpstreamCredentials): boolean =>
    isSame(used, current) && clock() - atMs < showAgainMs;
  const dropPast = (current: UpstreamCredentials): void => {
    for (const [key, refusal] of refusals) if (!stands(refusal, current)) refusals.delete(key);
  };

  return {
    name,
    async credentials(signal, verifier) {
      let current: UpstreamCredentials | undefined;
      try {
        current = await source.read(signal);
      } catch (error) {
        if (isCacheError(error)) setBad(true, { err: error });
        throw error;
      }
      if (current === undefined) return undefined;
      const known = [refusals.get(verifier.url), refusals.get(repositoryKey(verifier))];
      if (!known.some((refusal) => refusal !== undefined && stands(refusal, current))) return current;
      throw new CacheError(
        'upstream-refused-us',
        `${nameUpstream(upstream)} does not accept the configured user name and password ("${name}"); they are tried again when they change.`,
        { detail: { upstream: upstream.name, credential: name } },
      );
    },
    accepted(used, verifier) {
      if (proven === undefined || !isSame(proven.used, used) || proven.urls.size >= maxVerifiers)
        proven = { used, urls: new Set() };
      proven.urls.add(verifier.url);
      refusals.delete(verifier.url);
      refusals.delete(repositoryKey(verifier));
      dropPast(used);
      setBad(refusals.size > 0);
    },
    refused(used, verifier) {
      dropPast(used);
      // Who has accepted them before refuses them for this repository, as far as one can tell.
      const isProven = proven !== undefined && isSame(proven.used, used) && proven.urls.has(verifier.url);
      refusals.set(isProven ? repositoryKey(verifier) : verifier.url, { used, atMs: clock() });
      source.forget?.();
      setBad(true, { repository: verifier.repository });
    },
  };
}

interface Refusal {
  readonly used: UpstreamCredentials;
  readonly atMs: number;
}

function repositoryKey({ url, repository }: Verifier): string {
  return `${url} ${repository ?? ''}`;
}

function isSame(one: UpstreamCredentials, other: UpstreamCredentials): boolean {
  return one.username === other.username && one.password === other.password;
}
