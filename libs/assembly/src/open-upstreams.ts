import type { Config, CredentialConfig } from '@cistern/config';
import {
  type BudgetLedger,
  type CredentialSource,
  type TokenCache,
  type Upstream,
  credentialHelper,
  dockerConfig,
  fixedCredentials,
  openUpstream,
  passwordFile,
  proxyFor,
} from '@cistern/upstream';
import type { NodeContext } from '@cistern/runtime/process';
import { traceUpstream } from './trace-parts.ts';

export interface OpenUpstreamsOptions extends NodeContext {
  readonly instanceId: string;
  readonly tokens: TokenCache | undefined;
  readonly ledger: BudgetLedger;
  /** Returns milliseconds since 1970, by a clock that all processes that share tokens and budgets have in common. */
  readonly clock: () => number;
}

type Configured = Config['upstreams'][number];

/** Returns all configured upstreams by name. Does not connect to an upstream before the first request to it. */
export function openUpstreams(
  upstreams: readonly Configured[],
  { log, metrics, env, version, instanceId, tokens, ledger, clock, tracing }: OpenUpstreamsOptions,
): ReadonlyMap<string, Upstream> {
  const open = ({ url, credentials, alternates, proxyUrl, ca, clientCertificate, ...upstream }: Configured): Upstream =>
    openUpstream({
      ...upstream,
      url,
      credentials: credentialsFor(undefined, url, credentials),
      alternates: alternates.map((alternate) => ({
        url: alternate,
        credentials: credentialsFor(alternate, alternate, credentials),
      })),
      proxy: proxyUrl === undefined ? (target) => proxyFor(target, env) : { url: proxyUrl.reveal() },
      tls: { ca, certificate: clientCertificate?.certificate, key: clientCertificate?.key.reveal() },
      instanceId,
      version,
      tokens,
      ledger,
      clock,
      metrics,
      log,
    });
  const traced = (upstream: Upstream) => (tracing === undefined ? upstream : traceUpstream(upstream, tracing));
  return new Map(upstreams.map((upstream) => [upstream.name, traced(open(upstream))]));
}

function credentialsFor(
  alternate: string | undefined,
  url: string,
  credentials: readonly CredentialConfig[],
): readonly CredentialSource[] {
  const { host } = new URL(url);
  return credentials.filter((one) => one.alternate === alternate).map((one) => sourceOf(one, host));
}

function sourceOf(credential: CredentialConfig, host: string): CredentialSource {
  switch (credential.kind) {
    case 'password':
      return fixedCredentials(credential.name, {
        username: credential.username,
        password: credential.password.reveal(),
      });
    case 'password-file':
      return passwordFile(credential);
    case 'docker-config':
      return dockerConfig({ ...credential, host, clock: Date.now });
    case 'helper':
      return credentialHelper({ ...credential, host, clock: Date.now });
    default:
      return credential satisfies never;
  }
}
