// One entry of the table of upstreams: which registry it is and how to talk to it.
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
    text: 'Where the registry is. `http://` means plain HTTP.',
    default: "for a name of the built-in table, that table's",
  }).optional(),
  aliases: listOf(
    'Other names by which clients may ask for it. While Docker Hub is the default, or no upstream is, its name with `-` for `.` and `:` is one, too: `ghcr-io`.',
    text('A name.'),
  ).prefault([]),
  hosts: listOf('A request whose `Host` is one of these is for this upstream.', text('A host.')).prefault([]),
  default: flag({
    text: 'Serves requests that name no upstream.',
    default: '`true` for `docker.io`, or for the only upstream',
  }).optional(),
  username: text('The account to pull with.').optional(),
  password: secret('Its password or token.').optional(),
  passwordfile: filePath('A file that holds the password. It may be exchanged at any time.').optional(),
  credentials: mapOf(
    'Further accounts, by a name for metrics and logs. Of those that may pull, the one with the most left is used.',
    credentialEntry,
  ).prefault({}),
  alternates: listOf(
    'Registries that have the same content and are asked, in this order, while the upstream fails.',
    registryUrl('The URL of a registry.'),
  ).prefault([]),
  budget: section('How the limit on pulls is spent that the upstream sets.', {
    reserve: wholeNumber(
      {
        text: 'Pulls that are kept for what is not cached: below it a tag that has moved is served stale.',
        default: 'a fifth of the limit',
      },
      { min: 0, max: 1_000_000 },
    ).optional(),
  }),
  access: choice(
    "`shared`: whoever may use this cache may read all of the upstream that it can pull. `verify`: who shows the upstream's own credentials, and is let in by it.",
    ['shared', 'verify'],
  ).prefault('shared'),
  rememberaccess: duration(
    'With `access: verify`: how long the upstream is not asked again about a caller that it has let in to a repository.',
  ).prefault('5m'),
  proxy: proxyUrl({
    text: 'An HTTP proxy on the way to this upstream and to the servers it redirects to.',
    default: 'from `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`',
  }).optional(),
  ca: filePath("PEM file of further authorities to trust, beside the system's.").optional(),
  clientcertificate: filePath('PEM file of a client certificate; needs `clientkey`.').optional(),
  clientkey: filePath('PEM file of its private key.').optional(),
  allowprivate: flag(
    'Follows redirects and token servers to private addresses, redirects to another port of a private upstream included, from http to https as well.',
  ).prefault('false'),
  ...freshnessKeys,
  maxage: durationOrForever(
    'What nobody has pulled for so long is removed, for example `720h`. What another upstream keeps for longer stays, and so do pinned images.',
  ).prefault('forever'),
  offline: flag({
    text: 'Never asks this upstream for anything: what is cached is served, however old, and the rest refused.',
    default: 'the value of `offline`',
  }).optional(),
  maxconnections: wholeNumber(
    'Connections at the same time to each of its hosts. Questions for callers (`access: verify`) have as many again, up to 32.',
    { min: 1, max: 10_000 },
  ).prefault('64'),
  connectionsperblob: wholeNumber(
    'Connections to a host for one blob that a client waits for, at most. More than one are used only while they bring the blob sooner. `1` switches that off.',
    { min: 1, max: 16 },
  ).prefault('4'),
  timeouts: section('How long to wait for the upstream.', {
    connect: duration('For a connection.').prefault('10s'),
    headers: duration("For the answer's headers.").prefault('30s'),
    body: duration('Between two pieces of a body.').prefault('60s'),
    silence: duration(
      'While requests wait: for anything at all to come from it, or an answer to `GET /v2/`. Then it is taken to be down, at once and for all of them.',
    ).prefault('1.8s'),
  }),
});

export const upstreamsSection = mapOf(
  {
    text: 'The registries that are served, by name. Clients ask for one by `ns`, by `Host`, or by a prefix: `/v2/<name>/…`.',
    default: 'the built-in table below',
  },
  upstreamEntry,
).optional();

const minMaxAgeMs = 3_600_000;

export type UpstreamEntry = z.output<typeof upstreamEntry>;

/** An entry as if the user had written nothing but `given`. */
export function defaultUpstreamEntry(given: Partial<UpstreamEntry> = {}): UpstreamEntry {
  return { ...upstreamEntry.parse({}), ...given };
}

export interface UpstreamConfig extends Readonly<ReturnType<typeof buildUpstream>> {
  /** At most one upstream is. */
  readonly isDefault: boolean;
  /** An `ns` that names no upstream means this one, as registry:2 has it. */
  readonly takesAnyNamespace: boolean;
}

/** `path`: of the entry, for problems. */
export function buildUpstream(name: string, entry: UpstreamEntry, path: string, context: SectionContext) {
  const { clientcertificate, clientkey } = entry;
  const builtIn = builtInUpstreams[name];
  const url = entry.url ?? builtIn?.url;
  if (url === undefined)
    context.report(`${path}.url`, 'is required: the URL of the registry, for example https://registry.example.com');
  if (entry.maxage < minMaxAgeMs) context.report(`${path}.maxage`, 'must be at least 1h');
  return {
    name,
    /** Without a trailing slash; may have a path. */
    url: url ?? '',
    aliases: [...new Set([...entry.aliases.map((alias) => alias.toLowerCase()), ...(builtIn?.aliases ?? [])])],
    /** Values of the `Host` header, in lower case. */
    hosts: entry.hosts.map((host) => host.toLowerCase()),
    /** In the order of the configuration; empty: as anybody. */
    credentials: credentialsOf(entry, path, context),
    /** URLs, as `url`. */
    alternates: [...new Set(entry.alternates)],
    /** Pulls of the budget that are kept for what is not cached; `undefined`: a fifth of the limit. */
    reserve: entry.budget.reserve,
    /** URL of an HTTP proxy, which may hold credentials; `undefined`: what the environment's proxy variables say. */
    proxyUrl: entry.proxy,
    /** PEM. */
    ca: readNamedFile(context, `${path}.ca`, entry.ca),
    clientCertificate: readKeyPair(context, path, { clientcertificate, clientkey }),
    /** Redirects and token servers may have private addresses. */
    allowPrivate: entry.allowprivate,
    ...buildFreshness(entry, path, context),
    /** `undefined`: everybody may read what is here. Else callers are verified, and a yes holds so long. */
    rememberAccessMs: entry.access === 'verify' ? checkRemembered(entry.rememberaccess, path, context) : undefined,
    /** Until the operator decides otherwise at run time. */
    isOffline: entry.offline === true,
    /** May be Infinity. */
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

/** The account in the entry itself first, then those of the list of accounts. */
function credentialsOf(entry: UpstreamEntry, path: string, context: SectionContext): readonly CredentialConfig[] {
  const { username, password, passwordfile } = entry;
  const own = buildCredential(entry.username ?? '', { username, password, passwordfile }, path, context);
  const named = Object.entries(entry.credentials).map(([name, given]) => {
    const at = `${path}.credentials.${name}`;
    if (name === 'anonymous' || name === own?.name) context.report(at, 'is a name that is taken: choose another one');
    if (given.alternate !== undefined && !entry.alternates.includes(given.alternate))
      context.report(`${at}.alternate`, `must be one of ${path}.alternates`);
    return buildCredential(name, given, at, context);
  });
  return [own, ...named].filter((credential) => credential !== undefined);
}
