// One account at a registry: its credentials, and the servers that refused them. Registries lock accounts after
// repeated failures, so refused credentials are not sent again for 30 seconds unless they change. A refusal applies to
// one repository. After three refusals in a row, the credentials themselves are probably invalid, so all repositories
// of that registry or token server are affected.
import { CacheError, isCacheError } from '@cistern/errors';
import type { RepositoryName } from '@cistern/oci';
import type { Logger, UpstreamMetrics } from '@cistern/telemetry';
import type { UpstreamCredentials, CredentialSource } from '../credentials/credential-source.ts';
import { nameUpstream, type UpstreamIdentity } from '../transport/transport.ts';

/** The registry itself or a token server, with the repository of the request. */
export interface Verifier {
  readonly url: string;
  readonly repository: RepositoryName | undefined;
}

export interface Account {
  /** The name in the configuration, or `anonymous`. */
  readonly name: string;
  /**
   * Returns the credentials for `verifier`. `undefined` means that the request is anonymous. Rejects with
   * `upstream-refused-us` if the credentials cannot be read, or if `verifier` refused them recently.
   */
  credentials(signal: AbortSignal, verifier: Verifier): Promise<UpstreamCredentials | undefined>;
  /**
   * Records that `verifier` accepted the credentials. Call it only after a response that proves that `verifier` checked
   * them.
   */
  accepted(used: UpstreamCredentials, verifier: Verifier): void;
  refused(used: UpstreamCredentials, verifier: Verifier): void;
}

export interface AccountOptions {
  readonly upstream: UpstreamIdentity;
  /** `undefined` means anonymous. */
  readonly source: CredentialSource | undefined;
  /** Returns false if metrics must no longer show these credentials, because a reload has replaced them. Default: always true. */
  readonly isCurrent?: (() => boolean) | undefined;
  readonly metrics: UpstreamMetrics;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** After this time the same credentials are sent again, because the registry may accept them by then. */
const resendAfterMs = 30_000;
/**
 * After this many refusals in a row for different repositories, the credentials count as refused for all repositories
 * of the verifier.
 */
const maxRefusalsInARow = 3;
/** Limits the refusals in memory, because clients choose the repositories. */
const maxRefusals = 1_000;

export function createAccount({
  upstream,
  source,
  isCurrent = () => true,
  metrics,
  log,
  clock,
}: AccountOptions): Account {
  if (source === undefined)
    return { name: 'anonymous', credentials: async () => undefined, accepted() {}, refused() {} };
  const { name } = source;
  const { setting = `upstreams.${upstream.name}.credentials` } = source;
  const shown = { upstream: upstream.name, endpoint: upstream.url.host, account: name, setting };
  const labels = { upstream: upstream.name, endpoint: upstream.url.host, credential: name };
  /**
   * Keyed by the verifier's URL and the repository, and by the URL alone while the credentials count as refused for all
   * repositories. The oldest refusal is first.
   */
  const refusals = new Map<string, Refusal>();
  let isRefused = false;

  const setRefused = (
    now: boolean,
    why: { readonly err?: CacheError; readonly repository?: string | undefined } = {},
  ): void => {
    if (isCurrent()) metrics.upstreamBudget.credentialsRefused.set(labels, now ? 1 : 0);
    if (now === isRefused) return;
    isRefused = now;
    const isUnreadable = why.err !== undefined && why.err.kind !== 'upstream-refused-us';
    const cause = isUnreadable ? why.err : 'the registry refuses it';
    const subject = `${labels.upstream} ${labels.endpoint} ${name}`;
    if (isCurrent() && now) metrics.causes.note('credential', subject, cause);
    if (now) log.error({ ...shown, ...why }, 'upstream credentials rejected or unreadable');
    else log.warn(shown, 'upstream credentials accepted again');
  };
  setRefused(false);

  const refusalOf = (): CacheError =>
    new CacheError(
      'upstream-refused-us',
      `${nameUpstream(upstream)} refused the configured user name and password ("${name}"). Correct ${setting}. Changed credentials are tried immediately, unchanged ones after 30 s.`,
      { detail: { upstream: upstream.name, account: name, setting } },
    );
  const isInForce = ({ used, atMs }: Refusal, current: UpstreamCredentials): boolean =>
    isSame(used, current) && clock() - atMs < resendAfterMs;
  const dropExpired = (current: UpstreamCredentials): void => {
    for (const [key, refusal] of refusals) if (!isInForce(refusal, current)) refusals.delete(key);
  };

  return {
    name,
    async credentials(signal, verifier) {
      let current: UpstreamCredentials | undefined;
      try {
        current = await source.read(signal);
      } catch (error) {
        if (isCacheError(error)) setRefused(true, { err: error });
        throw error;
      }
      if (current === undefined) return undefined;
      const known = [refusals.get(verifier.url), refusals.get(repositoryKey(verifier))];
      if (!known.some((refusal) => refusal !== undefined && isInForce(refusal, current))) return current;
      throw refusalOf();
    },
    accepted(used, verifier) {
      dropExpired(used);
      refusals.delete(verifier.url);
      refusals.delete(repositoryKey(verifier));
      for (const refusal of refusals.values()) if (refusal.url === verifier.url) refusal.isInARow = false;
      setRefused(refusals.size > 0);
    },
    refused(used, verifier) {
      dropExpired(used);
      const { url, repository } = verifier;
      const key = repositoryKey(verifier);
      const refusal = { used, url, atMs: clock(), isInARow: true };
      refusals.delete(key);
      refusals.set(key, refusal);
      const inARow = [...refusals.values()].filter((one) => one.url === url && one.isInARow);
      if (inARow.length >= maxRefusalsInARow) refusals.set(url, refusal);
      for (const oldest of refusals.keys()) if (refusals.size > maxRefusals) refusals.delete(oldest);
      source.forget?.();
      setRefused(true, { err: refusalOf(), repository });
    },
  };
}

interface Refusal {
  readonly used: UpstreamCredentials;
  /** The URL of the verifier. */
  readonly url: string;
  readonly atMs: number;
  /** True until the verifier accepts credentials of this account again. */
  isInARow: boolean;
}

function repositoryKey({ url, repository }: Verifier): string {
  return `${url} ${repository ?? ''}`;
}

function isSame(one: UpstreamCredentials, other: UpstreamCredentials): boolean {
  return one.username === other.username && one.password === other.password;
}
