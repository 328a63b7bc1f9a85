import { type Config, type CredentialConfig, isSameSetting, type LiveSettings } from '@cistern/config';
import {
  type BudgetLedger,
  type CredentialSource,
  type OpenGeneration,
  type ReplaceableUpstream,
  type TokenCache,
  type Upstream,
  credentialHelper,
  dockerConfig,
  fixedCredentials,
  openReplaceableUpstream,
  openUpstream,
  passwordFile,
  proxyFor,
} from '@cistern/upstream';
import type { Closers } from '@cistern/runtime';
import type { NodeContext } from '@cistern/runtime/process';
import { traceUpstream } from './trace-parts.ts';

export interface OpenUpstreamsOptions extends NodeContext {
  readonly instanceId: string;
  readonly tokens: TokenCache | undefined;
  readonly ledger: BudgetLedger;
  /** Returns milliseconds since 1970, by a clock that all processes that share tokens and budgets have in common. */
  readonly clock: () => number;
  /** Wraps each opened upstream. */
  readonly wrap: (upstream: Upstream) => Upstream;
}

type Configured = Config['upstreams'][number];
type Connection = ReturnType<typeof connectionOf>;

/** Jobs can still find their upstream for this time after a reload has removed it. */
const keepRemovedMs = 60_000;

/**
 * Returns the configured upstreams by name. The map follows reloads: an upstream whose connection settings are unchanged
 * keeps its state, and a removed one finishes its jobs. Does not connect to an upstream before the first request to it.
 */
export function openUpstreams(
  live: LiveSettings,
  options: OpenUpstreamsOptions,
  { add }: Pick<Closers, 'add'>,
): ReadonlyMap<string, Upstream> {
  /** The connection settings of the configured upstreams. */
  const configured = new Map<string, Connection>();
  /** The configured upstreams, and those that were removed a moment ago. */
  const table = new Map<string, ReplaceableUpstream>();
  /** Upstreams that `table` no longer has, and whose calls are in flight. */
  const ending = new Set<ReplaceableUpstream>();
  const timers = new Map<string, NodeJS.Timeout>();

  function update(connection: Connection): void {
    const { name } = connection;
    const before = configured.get(name);
    if (before !== undefined && isSameSetting(before, connection)) return;
    configured.set(name, connection);
    if (before !== undefined) forgetSeries(before, connection, options);
    const open: OpenGeneration = (isCurrent) => openConnection(connection, isCurrent, options);
    const upstream = table.get(name);
    if (upstream === undefined) table.set(name, openReplaceableUpstream(open));
    else upstream.replace(open);
    clearTimeout(timers.get(name));
  }

  function remove(connection: Connection): void {
    const { name } = connection;
    configured.delete(name);
    forgetSeries(connection, undefined, options);
    table.get(name)?.retire();
    dropLater(name);
  }

  function dropLater(name: string): void {
    const drop = () => {
      const removed = table.get(name);
      if (removed !== undefined) ending.add(removed);
      for (const one of ending) if (one.isClosed()) ending.delete(one);
      table.delete(name);
      timers.delete(name);
    };
    timers.set(name, setTimeout(drop, keepRemovedMs).unref());
  }

  live.follow(({ upstreams }) => {
    const names = new Set(upstreams.map(({ name }) => name));
    for (const [name, connection] of configured) if (!names.has(name)) remove(connection);
    for (const upstream of upstreams) update(connectionOf(upstream));
  });
  add(async () => {
    for (const timer of timers.values()) clearTimeout(timer);
    await Promise.all([...table.values(), ...ending].map((upstream) => upstream.close()));
  });
  return table;
}

/** Returns the settings that affect connections and requests. Other settings can change without a new connection. */
function connectionOf({
  aliases: _aliases,
  hosts: _hosts,
  isDefault: _isDefault,
  takesAnyNamespace: _takesAnyNamespace,
  freshness: _freshness,
  lists: _lists,
  isOffline: _isOffline,
  maxAgeMs: _maxAgeMs,
  rememberAccessMs: _rememberAccessMs,
  ...connection
}: Configured) {
  return connection;
}

function openConnection(
  { url, credentials, alternates, proxyUrl, ca, clientCertificate, ...upstream }: Connection,
  isCurrent: () => boolean,
  { env, tracing, wrap, ...options }: OpenUpstreamsOptions,
): Upstream {
  const opened = openUpstream({
    ...options,
    ...upstream,
    url,
    credentials: credentialsFor(undefined, url, credentials),
    alternates: alternates.map((alternate) => ({
      url: alternate,
      credentials: credentialsFor(alternate, alternate, credentials),
    })),
    proxy: proxyUrl === undefined ? (target) => proxyFor(target, env) : { url: proxyUrl.reveal() },
    tls: { ca, certificate: clientCertificate?.certificate, key: clientCertificate?.key.reveal() },
    isCurrent,
  });
  return wrap(tracing === undefined ? opened : traceUpstream(opened, tracing));
}

/** Removes the states of circuit breakers, budgets and credentials that no longer exist, so that they cause no alert. */
function forgetSeries(
  before: Connection,
  after: Connection | undefined,
  { metrics }: Pick<OpenUpstreamsOptions, 'metrics'>,
): void {
  const { limit, remaining, reserve, windowEnd, credentialsRefused } = metrics.upstreamBudget;
  const kept = after === undefined ? [] : seriesOf(after);
  const isKept = (one: Series) => kept.some((other) => isSameSetting(one, other));
  for (const { endpoint, credential } of seriesOf(before).filter((one) => !isKept(one))) {
    if (!kept.some((other) => other.endpoint === endpoint))
      metrics.upstreamEndpointState.remove({ upstream: before.name, endpoint });
    for (const gauge of [limit, remaining, reserve, windowEnd, credentialsRefused])
      gauge.remove({ upstream: before.name, endpoint, credential });
  }
}

interface Series {
  readonly endpoint: string;
  readonly credential: string;
}

/** Returns the accounts of each registry of an upstream. A registry without credentials has the account `anonymous`. */
function seriesOf({ url, alternates, credentials }: Connection): readonly Series[] {
  return [undefined, ...alternates].flatMap((alternate) => {
    const endpoint = new URL(alternate ?? url).host;
    const names = credentials.filter((one) => one.alternate === alternate).map(({ name }) => name);
    return (names.length === 0 ? ['anonymous'] : names).map((credential) => ({ endpoint, credential }));
  });
}

/** Returns the accounts of a registry of an upstream. `alternate` is its URL, or `undefined` for the upstream's own. */
export function credentialsFor(
  alternate: string | undefined,
  url: string,
  credentials: readonly CredentialConfig[],
): readonly CredentialSource[] {
  const { host } = new URL(url);
  return credentials
    .filter((one) => one.alternate === alternate)
    .map((one) => ({ ...sourceOf(one, host), setting: one.setting }));
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
