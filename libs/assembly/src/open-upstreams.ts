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
import { traceUpstream } from './tracing/trace-upstream.ts';

export interface OpenUpstreamsOptions extends NodeContext {
  readonly instanceId: string;
  readonly tokens: TokenCache | undefined;
  readonly ledger: BudgetLedger;
}

/** Every configured upstream by its name. Nothing is dialled before a client asks. */
export function openUpstreams(
  upstreams: Config['upstreams'],
  { log, metrics, env, version, instanceId, tokens, ledger, tracing }: OpenUpstreamsOptions,
): ReadonlyMap<string, Upstream> {
  const open = ({ name, url, credentials, proxyUrl, timeouts, ...upstream }: Config['upstreams'][number]): Upstream =>
    openUpstream({
      name,
      url,
      credentials: credentialsFor(undefined, url, credentials),
      alternates: upstream.alternates.map((alternate) => ({
        url: alternate,
        credentials: credentialsFor(alternate, alternate, credentials),
      })),
      reserve: upstream.budget.reserve,
      ledger,
      allowPrivate: upstream.allowPrivateAddresses,
      proxy: proxyUrl === undefined ? (target) => proxyFor(target, env) : { url: proxyUrl.reveal() },
      tls: {
        ca: upstream.ca,
        certificate: upstream.clientCertificate?.certificate,
        key: upstream.clientCertificate?.key.reveal(),
      },
      timeouts: {
        connectTimeoutMs: timeouts.connectMs,
        headersTimeoutMs: timeouts.headersMs,
        bodyIdleTimeoutMs: timeouts.bodyMs,
        silenceMs: timeouts.silenceMs,
      },
      maxConnections: upstream.maxConnections,
      instanceId,
      version,
      tokens,
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
  const { name } = credential;
  switch (credential.kind) {
    case 'password':
      return fixedCredentials(name, { username: credential.username, password: credential.password.reveal() });
    case 'password-file':
      return passwordFile({ name, username: credential.username, path: credential.path });
    case 'docker-config':
      return dockerConfig({ name, path: credential.path, host, clock: Date.now });
    case 'helper':
      return credentialHelper({
        name,
        program: credential.program,
        keepMs: credential.keepMs,
        host,
        clock: Date.now,
      });
    default:
      return credential satisfies never;
  }
}
