// Summarizes a configuration in a few lines for an operator.
import { isIPv6 } from 'node:net';
import type { Config, RedisConfig } from '@cistern/config';
import type { ListenAddress } from '@cistern/runtime/process';

/** Returns for example `docker.io (default), quay.io`. */
export function describeUpstreams(upstreams: Config['upstreams']): string {
  return upstreams.map(({ name, isDefault }) => (isDefault ? `${name} (default)` : name)).join(', ');
}

export function describeStorage(storage: Config['storage']): string {
  switch (storage.kind) {
    case 'memory':
      return 'in memory, lost at the end';
    case 'filesystem':
      return storage.rootDirectory;
    case 's3':
      return `bucket ${storage.bucket} at ${storage.endpoint}${storage.rootDirectory && `, below ${storage.rootDirectory}`}`;
    default:
      return storage satisfies never;
  }
}

/** Returns for example `, at most 536870912000 bytes`. */
function describeLimits({ storageLimits: { maxBytes } }: Config): string {
  return maxBytes === Infinity ? '' : `, at most ${maxBytes} bytes`;
}

/** Returns for example `Redis at redis:6379 as cistern, with TLS, keys cistern:*`. */
export function describeRedis({ connection, keyPrefix }: RedisConfig): string {
  const account = `${connection.username === undefined ? '' : ` as ${connection.username}`}${connection.tls ? ', with TLS' : ''}`;
  return `${describeServers(connection)}${account}, keys ${keyPrefix}*`;
}

function list(addresses: readonly { readonly host: string; readonly port: number }[]): string {
  return addresses.map((address) => describeAddress({ kind: 'tcp', ...address })).join(', ');
}

function describeServers(connection: RedisConfig['connection']): string {
  switch (connection.kind) {
    case 'standalone':
      return `Redis at ${list([connection])}${connection.db === 0 ? '' : `, database ${connection.db}`}`;
    case 'sentinel':
      return `Redis ${connection.name}, named by the Sentinels at ${list(connection.sentinels)}`;
    case 'cluster':
      return `Redis Cluster at ${list(connection.nodes)}`;
    default:
      return connection satisfies never;
  }
}

/** Returns for example `:5000`, `[::1]:5000`, or the path of a socket. */
export function describeAddress(address: ListenAddress): string {
  if (address.kind === 'unix') return address.path;
  const { host = '', port } = address;
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

function describeAuth({ htpasswd, externalTokens, robots, oidc, tokenServer }: Config['auth']): string {
  if (externalTokens !== undefined) return `clients with a token of ${externalTokens.issuer}`;
  const callers = [
    ...(htpasswd === undefined ? [] : [`users of ${htpasswd.path}`]),
    ...(robots ? ['robots'] : []),
    ...oidc.map(({ url }) => `jobs of ${url}`),
  ];
  if (callers.length === 0) return 'all clients';
  return `${callers.join(', ')}${tokenServer === undefined ? '' : ', with access tokens'}`;
}

export type Row = readonly [label: string, value: string | undefined];

/** Returns indented lines of `<label>  <value>`. */
export function describeConfig(config: Config): string {
  return columns(configRows(config));
}

/** Returns the summary. An empty label continues the list of the previous one. */
export function configRows(config: Config): readonly (readonly [label: string, value: string])[] {
  const { http, storage, redis, upstreams } = config;
  const { address, explicit } = http.debug;
  const rows: readonly Row[] = [
    [
      'registry',
      `${describeAddress(http.address)}${describeTls(http.tls)}${http.proxyProtocol ? ', with the PROXY protocol' : ''}`,
    ],
    ['certificate', describeCertificate(http.tls)],
    ['may pull', `${describeAuth(config.auth)}${describeAccess(config.access)}`],
    [
      'metrics, health',
      address === undefined ? 'off' : `${describeAddress(address)}${explicit ? '' : ' (if the port is free)'}`,
    ],
    ['data', `${describeStorage(storage)}${describeLimits(config)}`],
    ['blobs', describeRedirect(config)],
    ['index, jobs', redis && describeRedis(redis)],
    ['workers', describeWorkers(config)],
    [redis === undefined ? 'console' : 'admin', describeAdmin(config.admin)],
    ...upstreams.map((upstream, at): Row => [at === 0 ? 'upstreams' : '', describeUpstream(upstream)]),
  ];
  return rows.flatMap(([label, value]) => (value === undefined ? [] : [[label, value] as const]));
}

function describeUpstream({ name, url, credentials, isDefault }: Config['upstreams'][number]): string {
  const accounts = credentials.length === 0 ? '' : ` as ${credentials.map((account) => account.name).join(', ')}`;
  return `${name}  ${url}${accounts}${isDefault ? '  (default)' : ''}`;
}

function describeAccess({ rules, fallback }: Config['access']): string {
  if (rules.length === 0) return fallback === 'allow' ? '' : ', but all pulls are denied';
  return `, by ${rules.length} ${rules.length === 1 ? 'rule' : 'rules'}, else ${fallback === 'allow' ? 'all' : 'nothing'}`;
}

function describeAdmin({ address, htpasswd }: Config['admin']): string {
  if (address === undefined) return 'off';
  return `${describeAddress(address)}${htpasswd === undefined ? '' : `, for operators of ${htpasswd.path}`}`;
}

function describeTls(tls: Config['http']['tls']): string {
  if (tls === undefined) return '';
  return tls.clientAuthorities.length === 0 ? ', with TLS' : ', with mutual TLS';
}

function describeCertificate(tls: Config['http']['tls']): string | undefined {
  if (tls === undefined) return undefined;
  const { certificates } = tls;
  if (certificates.kind === 'files') return certificates.certificate;
  const { hosts, challenge, directoryUrl } = certificates;
  return `for ${hosts.join(', ')}, by ${challenge.kind} from ${new URL(directoryUrl).host}`;
}

function describeRedirect({ storage, storageRedirect }: Config): string | undefined {
  if (storageRedirect === undefined || storage.kind !== 's3') return undefined;
  const { endpoint = storage.endpoint, exceptNetworks } = storageRedirect;
  return `clients are redirected to ${endpoint}${exceptNetworks.length === 0 ? '' : `, except from ${exceptNetworks.join(', ')}`}`;
}

function describeWorkers({ cluster, worker: { address, advertise, tls } }: Config): string | undefined {
  if (cluster === undefined) return undefined;
  const security = tls === undefined ? '' : tls.ca === undefined ? ', with TLS' : ', with mutual TLS';
  return `${describeAddress(address)}${advertise === undefined ? '' : `, advertised as ${advertise}`}${security}`;
}

/** Returns indented lines of `<label>  <value>` with aligned values. Omits rows without a value. */
export function columns(given: readonly Row[]): string {
  const rows = given.filter(([, value]) => value !== undefined);
  const width = Math.max(...rows.map(([label]) => label.length));
  return rows.map(([label, value]) => `  ${label.padEnd(width)}  ${value}\n`).join('');
}
