// The section `redis`: the Redis in which the nodes of a cluster share their index and their jobs. The keys of
// registry:2 have the same meaning as there (go-redis' UniversalOptions): `mastername` means Redis Sentinel, and
// several addresses without `mastername` mean Redis Cluster.
import type { z } from 'zod';
import { parseServerAddress } from '../values/addresses.ts';
import type { Secret } from '../values/secrets.ts';
import { duration, filePath, flag, listOf, openSection, secret, text, wholeNumber } from '../values/values.ts';
import { chooseSecret, type KeyPair, readKeyPair, readNamedFile, type SectionContext } from './context.ts';

export const redisSection = openSection(
  {
    text: 'The Redis in which the nodes of a cluster share their index and their jobs. It needs at least version 6.2 and `maxmemory-policy noeviction`.',
    default: 'a single node with its own index',
  },
  {
    addr: text('The `host:port` of the server, as in registry 2.x.').optional(),
    addrs: listOf(
      'The addresses, as in registry 3.x. One `host:port` is a server, and several are nodes of a Redis Cluster. With `mastername` they are Sentinels.',
      text('An address.'),
    ).optional(),
    cluster: flag('The address is a node of a Redis Cluster, even if it is the only address.').prefault('false'),
    mastername: text('The name of the master in the Sentinels.').optional(),
    username: text('The ACL user of Redis.').optional(),
    password: secret('The password.').optional(),
    passwordfile: filePath('A file with the password.').optional(),
    sentinelusername: text('The user of the Sentinels.').optional(),
    sentinelpassword: secret('The password of the Sentinels.').optional(),
    sentinelpasswordfile: filePath('A file with the password of the Sentinels.').optional(),
    db: wholeNumber('The number of the database. A Redis Cluster has only 0.', { min: 0, max: 1e6 }).prefault('0'),
    keyprefix: text(
      'The prefix of every key and channel. The nodes of one cache have the same prefix. Caches that share a Redis need different ones.',
    ).prefault('cistern:'),
    commandtimeout: duration(
      'The timeout of a command, from 50ms to 10s. After this time the request continues without Redis, or fails. Increase it if Redis is distant. With more than 2s, workers lose their leases if Redis hangs.',
    ).prefault('1500ms'),
    tls: openSection('TLS to the servers and the Sentinels.', {
      enabled: flag({
        text: 'Enables TLS, as in registry 2.x.',
        default: '`true` if one of the files is set',
      }).optional(),
      certificate: filePath('PEM file of a client certificate; needs `key`.').optional(),
      key: filePath('PEM file of its private key.').optional(),
      ca: filePath("PEM file of the CA certificates to trust, instead of the system's.").optional(),
      clientcas: listOf('The same as `ca`, as in registry 3.x.', filePath('A PEM file.')).optional(),
      rootcas: listOf('The same as `ca`, as in later registries.', filePath('A PEM file.')).optional(),
    }).optional(),
  },
).optional();

type RedisAddress = ReturnType<typeof parseServerAddress>;

interface RedisAccount {
  /** `undefined` means the default user. */
  readonly username: string | undefined;
  readonly password: Secret | undefined;
  /** The certificates for TLS, in PEM. `undefined` means no TLS. */
  readonly tls:
    | {
        /** CA certificates. `undefined` means the system's CA certificates. */
        readonly ca: readonly string[] | undefined;
        readonly clientCertificate: KeyPair | undefined;
      }
    | undefined;
}

type RedisConnection = RedisAccount &
  (
    | ({ readonly kind: 'standalone'; readonly db: number } & RedisAddress)
    | {
        readonly kind: 'sentinel';
        readonly sentinels: readonly RedisAddress[];
        readonly name: string;
        readonly db: number;
        readonly sentinelUsername: string | undefined;
        readonly sentinelPassword: Secret | undefined;
      }
    | { readonly kind: 'cluster'; readonly nodes: readonly RedisAddress[] }
  );

export interface RedisConfig {
  readonly connection: RedisConnection;
  /** The prefix of every key and channel. */
  readonly keyPrefix: string;
  readonly commandTimeoutMs: number;
}

/** A healthy process can pause for longer than a shorter timeout, so commands would then time out without a fault. */
const leastCommandTimeoutMs = 50;
const mostCommandTimeoutMs = 10_000;

type RedisSection = NonNullable<z.output<typeof redisSection>>;

export function buildRedis(redis: RedisSection, context: SectionContext): RedisConfig {
  if (!/^[^{}\s]+$/.test(redis.keyprefix))
    context.report('redis.keyprefix', 'must be text without braces and spaces, for example cistern:');
  if (redis.commandtimeout < leastCommandTimeoutMs || redis.commandtimeout > mostCommandTimeoutMs)
    context.report(
      'redis.commandtimeout',
      `must be from ${leastCommandTimeoutMs}ms to ${mostCommandTimeoutMs / 1000}s`,
    );
  const { keyprefix: keyPrefix, commandtimeout: commandTimeoutMs } = redis;
  return { connection: connectionOf(redis, context), keyPrefix, commandTimeoutMs };
}

function connectionOf(redis: RedisSection, context: SectionContext): RedisConnection {
  const name = given(redis.mastername);
  const addresses = addressesOf(redis, name === undefined ? 6379 : 26_379, context);
  const { db } = redis;
  const account: RedisAccount = {
    username: given(redis.username),
    password: passwordOf(context, 'redis.password', redis.password, redis.passwordfile),
    tls: tlsOf(redis.tls, context),
  };
  if (name !== undefined) {
    if (redis.cluster)
      context.report('redis.cluster', 'cannot be combined with mastername: use either Sentinel or Cluster');
    const { sentinelusername, sentinelpassword: value, sentinelpasswordfile: file } = redis;
    const sentinelPassword = passwordOf(context, 'redis.sentinelpassword', value, file);
    const sentinelUsername = given(sentinelusername);
    return { ...account, kind: 'sentinel', sentinels: addresses, name, db, sentinelUsername, sentinelPassword };
  }
  for (const key of ['sentinelusername', 'sentinelpassword', 'sentinelpasswordfile'] as const)
    if (redis[key] !== undefined) context.warn(`redis.${key}`, 'has no effect without mastername');
  const [first] = addresses;
  if (!redis.cluster && addresses.length <= 1)
    return { ...account, kind: 'standalone', db, host: first?.host ?? '', port: first?.port ?? 0 };
  if (db !== 0) context.report('redis.db', 'must be 0, because a Redis Cluster has no other database');
  return { ...account, kind: 'cluster', nodes: addresses };
}

function addressesOf({ addr, addrs }: RedisSection, defaultPort: number, context: SectionContext) {
  if (given(addr) !== undefined && addrs !== undefined)
    context.report('redis.addr', 'cannot be combined with addrs: name all servers in addrs');
  const named =
    addrs === undefined
      ? [{ path: 'redis.addr', address: given(addr) }]
      : addrs.map((address, at) => ({ path: `redis.addrs[${at}]`, address: given(address) }));
  const addresses: RedisAddress[] = [];
  for (const { path, address } of named)
    try {
      if (address !== undefined) addresses.push(parseServerAddress(address, defaultPort));
    } catch (error) {
      context.report(path, (error as Error).message);
    }
  if (named.every(({ address }) => address === undefined))
    context.report('redis.addrs', 'is required: the address of Redis, for example [127.0.0.1:6379]');
  return addresses;
}

function passwordOf(context: SectionContext, key: string, value: Secret | undefined, file: string | undefined) {
  const password = chooseSecret(context, key, { value, file });
  return password?.reveal() === '' ? undefined : password;
}

function tlsOf(tls: RedisSection['tls'], context: SectionContext): RedisAccount['tls'] {
  if (tls === undefined) return undefined;
  const files = [
    ...(tls.ca === undefined ? [] : [{ key: 'ca', file: tls.ca }]),
    ...(['clientcas', 'rootcas'] as const).flatMap((key) => (tls[key] ?? []).map((file) => ({ key, file }))),
  ];
  if (!(tls.enabled ?? (files.length > 0 || (tls.certificate ?? tls.key) !== undefined))) return undefined;
  const ca = files.flatMap(({ key, file }) => readNamedFile(context, `redis.tls.${key}`, file) ?? []);
  return {
    ca: ca.length === 0 ? undefined : ca,
    clientCertificate: readKeyPair(context, 'redis.tls', { certificate: tls.certificate, key: tls.key }),
  };
}

/** Treats empty text as absent, because environment variables are often set but empty. */
function given(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}
