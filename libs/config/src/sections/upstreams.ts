// The section `upstreams`: the entry of one registry, and how to connect to it.
import type { z } from 'zod';
import {
  choice,
  duration,
  durationOrForever,
  filePath,
  flag,
  listOf,
  mapOf,
  openSection,
  proxyUrl,
  registryUrl,
  secret,
  section,
  text,
  wholeNumber,
} from '../values/values.ts';
import { builtInUpstreams } from './built-in-upstreams.ts';
import { readKeyPair, readNamedFile, type SectionContext } from './context.ts';
import { buildFreshness, freshnessKeys } from './freshness.ts';
import { buildCredential, credentialEntry, type CredentialConfig } from './upstream-credentials.ts';

const upstreamEntry = openSection('One upstream registry.', {
  url: registryUrl({
    text: 'The URL of the registry. `http://` means plain HTTP.',
    default: 'the URL in the built-in table, for a name in that table',
  }).optional(),
  aliases: listOf(
    'Other names that clients may use. If Docker Hub or no upstream is the default, the name with `-` instead of `.` and `:` is also an alias: `ghcr-io`.',
    text('A name.'),
  ).prefault([]),
  hosts: listOf('Values of the `Host` header that select this upstream.', text('A host.')).prefault([]),
  default: flag({
    text: 'Serves requests that name no upstream.',
    default: '`true` for `docker.io`, or for the only upstream',
  }).optional(),
  username: text('The account to pull with.').optional(),
  password: secret('The password or token of the account.').optional(),
  passwordfile: filePath('A file with the password. It may change at any time.').optional(),
  credentials: mapOf(
    'Further accounts, by a name for metrics and logs. The account with the most remaining pulls is used, among those that may pull.',
    credentialEntry,
  ).prefault({}),
  alternates: listOf(
    'Registries with the same content. They are used in this order while the upstream fails.',
    registryUrl('The URL of a registry.'),
  ).prefault([]),
  budget: section('Use of the pull limit that the upstream sets.', {
    reserve: wholeNumber(
      {
        text: 'Pulls that are reserved for content that is not cached. Below the reserve a tag that has moved is served stale.',
        default: 'a fifth of the limit',
      },
      { min: 0, max: 1_000_000 },
    ).optional(),
  }),
  access: choice(
    '`shared`: clients of this cache may read everything that it can pull from the upstream. `verify`: clients send their own credentials of the upstream, and the upstream authorizes them.',
    ['shared', 'verify'],
  ).prefault('shared'),
  rememberaccess: duration(
    'With `access: verify`: how long the permission of a caller for a repository is remembered.',
  ).prefault('5m'),
  proxy: proxyUrl({
    text: 'An HTTP proxy for this upstream and the servers that it redirects to.',
    default: 'from `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`',
  }).optional(),
  ca: filePath("PEM file of further CA certificates to trust, in addition to the system's.").optional(),
  clientcertificate: filePath('PEM file of a client certificate; needs `clientkey`.').optional(),
  clientkey: filePath('PEM file of its private key.').optional(),
  allowprivate: flag(
    'Allows redirects and token servers at private addresses. This includes redirects to another port of a private upstream, and from http to https.',
  ).prefault('false'),
  ...freshnessKeys,
  maxage: durationOrForever(
    'Content that no client has pulled for this time is evicted, for example `720h`. Pinned images are kept, and so is content that another upstream keeps for longer.',
  ).prefault('forever'),
  offline: flag({
    text: 'Sends no requests to this upstream. Cached content is served regardless of its age, and everything else is rejected.',
    default: 'the value of `offline`',
  }).optional(),
  maxconnections: wholeNumber(
    'The maximum number of connections to each of its hosts. Requests that verify callers (`access: verify`) have a separate limit of the same number, at most 32.',
    { min: 1, max: 10_000 },
  ).prefault('64'),
  connectionsperblob: wholeNumber(
    'The maximum number of connections to a host for one blob that a client waits for. More than one connection is used only while this is faster. `1` disables this.',
    { min: 1, max: 16 },
  ).prefault('4'),
  timeouts: section('Timeouts of requests to the upstream.', {
    connect: duration('The time until a connection is open.').prefault('10s'),
    headers: duration('The time until the headers of the response.').prefault('30s'),
    body: duration('The time between two pieces of a body.').prefault('60s'),
    silence: duration(
      'The time without any byte from the upstream while requests wait, and without a response to `GET /v2/`. After this time the upstream counts as unavailable, immediately and for all requests.',
    ).prefault('1.8s'),
  }),
});

export const upstreamsSection = mapOf(
  {
    text: 'The upstream registries, by name. Clients select one by `ns`, by `Host`, or by a prefix: `/v2/<name>/…`.',
    default: 'the built-in table below',
  },
  upstreamEntry,
).optional();

const minMaxAgeMs = 3_600_000;

export type UpstreamEntry = z.output<typeof upstreamEntry>;

/** Returns an entry with the values of `given`. All other keys have their defaults. */
export function defaultUpstreamEntry(given: Partial<UpstreamEntry> = {}): UpstreamEntry {
  return { ...upstreamEntry.parse({}), ...given };
}

export interface UpstreamConfig extends Readonly<ReturnType<typeof buildUpstream>> {
  /** True if requests that name no upstream are for this one. True for at most one upstream. */
  readonly isDefault: boolean;
  /** True if requests whose `ns` names no upstream are for this one, as in registry:2. */
  readonly takesAnyNamespace: boolean;
}

/** `path` is the path of the entry in the file, for reports of problems. */
export function buildUpstream(name: string, entry: UpstreamEntry, path: string, context: SectionContext) {
  const { clientcertificate, clientkey } = entry;
  const builtIn = builtInUpstreams[name];
  const url = entry.url ?? builtIn?.url;
  if (url === undefined)
    context.report(`${path}.url`, 'is required: the URL of the registry, for example https://registry.example.com');
  if (entry.maxage < minMaxAgeMs) context.report(`${path}.maxage`, 'must be at least 1h');
  return {
    name,
    /** The URL has no trailing slash. It may have a path. */
    url: url ?? '',
    aliases: [...new Set([...entry.aliases.map((alias) => alias.toLowerCase()), ...(builtIn?.aliases ?? [])])],
    /** Values of the `Host` header, in lower case. */
    hosts: entry.hosts.map((host) => host.toLowerCase()),
    /** The accounts, in the order of the configuration. Empty means anonymous pulls. */
    credentials: credentialsOf(entry, path, context),
    /** URLs in the form of `url`. */
    alternates: [...new Set(entry.alternates)],
    /** Pulls of the budget that are reserved for content that is not cached. `undefined` means a fifth of the limit. */
    reserve: entry.budget.reserve,
    /** The URL of an HTTP proxy, which may contain credentials. `undefined` means the environment's proxy variables. */
    proxyUrl: entry.proxy,
    /** CA certificates to trust in addition to the system's, in PEM. */
    ca: readNamedFile(context, `${path}.ca`, entry.ca),
    clientCertificate: readKeyPair(context, path, { clientcertificate, clientkey }),
    /** True if redirects and token servers may have private addresses. */
    allowPrivate: entry.allowprivate,
    ...buildFreshness(entry, path, context),
    /**
     * How long a verified caller's permission is remembered. `undefined` means that all clients may read cached
     * content.
     */
    rememberAccessMs: entry.access === 'verify' ? checkRemembered(entry.rememberaccess, path, context) : undefined,
    /** True if the upstream is offline, unless an operator has changed this at runtime. */
    isOffline: entry.offline === true,
    /** Infinity means that content is not removed because of its age. */
    maxAgeMs: entry.maxage,
    maxConnections: entry.maxconnections,
    connectionsPerBlob: entry.connectionsperblob,
    timeouts: {
      connectTimeoutMs: entry.timeouts.connect,
      headersTimeoutMs: entry.timeouts.headers,
      bodyIdleTimeoutMs: entry.timeouts.body,
      silenceMs: entry.timeouts.silence,
    },
  };
}

const longestRememberedMs = 24 * 3_600_000;

function checkRemembered(rememberMs: number, path: string, context: SectionContext): number {
  if (rememberMs < 1_000 || rememberMs > longestRememberedMs)
    context.report(`${path}.rememberaccess`, 'must be from 1s to 24h');
  return rememberMs;
}

/** Returns the entry's own account first, then those of `credentials`. */
function credentialsOf(entry: UpstreamEntry, path: string, context: SectionContext): readonly CredentialConfig[] {
  const { username, password, passwordfile } = entry;
  const own = buildCredential(entry.username ?? '', { username, password, passwordfile }, path, context);
  const named = Object.entries(entry.credentials).map(([name, given]) => {
    const at = `${path}.credentials.${name}`;
    if (name === 'anonymous' || name === own?.name)
      context.report(at, 'is a name that is already in use: choose another one');
    if (given.alternate !== undefined && !entry.alternates.includes(given.alternate))
      context.report(`${at}.alternate`, `must be one of ${path}.alternates`);
    return buildCredential(name, given, at, context);
  });
  return [own, ...named].filter((credential) => credential !== undefined);
}
