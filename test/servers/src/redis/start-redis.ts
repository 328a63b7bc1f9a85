// Starts a standalone Redis.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { freePort } from '../free-port.ts';
import { type CertificateFiles, makeCertificateFiles } from '../certificate-files.ts';
import { redisConfiguration } from './redis-configuration.ts';
import { makeRedisDirectory, type RedisProcess, runRedisServer } from './run-redis-server.ts';

export interface RedisOptions {
  /** The password of the default user, or of `username`. Default: no authentication. */
  readonly password?: string;
  /** The only user that can log in. Valid only with a password. Default: Redis' default user. */
  readonly username?: string;
  /** Enables TLS with a certificate for 127.0.0.1, which is issued by the CA of `Redis.ca`. */
  readonly tls?: boolean;
  /** Further lines of redis.conf, such as `maxmemory-policy allkeys-lru`. They override the usual lines. */
  readonly directives?: readonly string[];
}

export interface Redis extends RedisProcess {
  readonly host: '127.0.0.1';
  /** `redis://` or `rediss://`, with user and password. */
  readonly url: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** The CA certificate in PEM that clients must trust, or `undefined` without TLS. */
  readonly ca: string | undefined;
  flushAll(): Promise<void>;
}

/** Installs the package if it is missing. The caller closes the server. */
export async function startRedis(options: RedisOptions = {}): Promise<Redis> {
  const { username, password, tls = false, directives = [] } = options;
  const directory = await makeRedisDirectory();
  const port = await freePort();
  const files = tls ? await makeCertificateFiles(directory) : undefined;
  const own = [...accountDirectives(username, password), ...(files ? tlsDirectives(port, files) : []), ...directives];
  const server = await runRedisServer({
    address: { port, username, password, caFile: files?.caFile },
    configuration: redisConfiguration({ port, directory, directives: own }),
    directory,
  });
  const account = password === undefined ? '' : `${username ?? ''}:${encodeURIComponent(password)}@`;
  return {
    ...server,
    host: '127.0.0.1',
    url: `${tls ? 'rediss' : 'redis'}://${account}127.0.0.1:${port}`,
    username,
    password,
    ca: files && (await readFile(files.caFile, 'utf8')),
    flushAll: async () => void (await server.command('FLUSHALL')),
  };
}

function accountDirectives(username: string | undefined, password: string | undefined): string[] {
  if (password === undefined) return [];
  if (username === undefined) return [`requirepass "${password}"`];
  // The password is hashed, because a password in this line cannot contain spaces.
  const hash = createHash('sha256').update(password).digest('hex');
  return ['user default off', `user ${username} on #${hash} ~* &* +@all`];
}

function tlsDirectives(port: number, { caFile, certFile, keyFile }: CertificateFiles): string[] {
  return [
    'port 0',
    `tls-port ${port}`,
    `tls-ca-cert-file ${caFile}`,
    `tls-cert-file ${certFile}`,
    `tls-key-file ${keyFile}`,
    'tls-auth-clients no',
  ];
}
