// The list of known but unsupported keys. If a later version supports a key, its row moves from this list into the
// schema of a section. `warned` means that Cistern ignores the key with a warning, because the file works without the
// key. `refused` means that the key is a problem, because without it Cistern would not do what the user requested.
import type { z } from 'zod';
import { duration } from '../values/values.ts';

export interface UnsupportedKey {
  /** The keys joined by dots; `*` means any key of a map. The row also covers all keys below this path. */
  readonly path: string;
  readonly standing: 'warned' | 'refused';
  /** The software that defines the key: registry:2, or a later Cistern. */
  readonly origin: 'registry' | 'cistern';
  /** The rest of the message, after the path and a colon. */
  readonly reason: string;
  /** The schema of the key's value. If set, the value is checked although the key has no effect. */
  readonly shape?: z.ZodType;
}

type Standing = Pick<UnsupportedKey, 'standing' | 'origin'>;

const rows =
  (standing: Standing, suffix = '') =>
  (reason: string, ...paths: readonly string[]): readonly UnsupportedKey[] =>
    paths.map((path) => ({ path, ...standing, reason: `${reason}${suffix}` }));

const warned = rows({ standing: 'warned', origin: 'registry' });
const refused = rows({ standing: 'refused', origin: 'registry' });
const planned = rows({ standing: 'refused', origin: 'cistern' }, ' is not supported by this version; remove the key');

const ofRedis = (...keys: readonly string[]) => keys.map((key) => `redis.${key}`);

const noPush = 'a cache accepts no pushes and no deletions';

export const unsupportedKeys: readonly UnsupportedKey[] = [
  ...warned('the file is read again when it changes', 'auth.token.jwksrefreshinterval'),
  ...warned('log hooks are not supported; alert on metrics or on the log instead', 'log.hooks'),
  ...warned('log lines do not contain the line of code', 'log.reportcaller'),
  ...warned('nothing is reported to Bugsnag or New Relic', 'reporting'),
  ...warned(noPush, 'storage.delete'),
  ...warned('there are no uploads to purge, and the cache is always read-only to clients', 'storage.maintenance'),
  ...warned('middleware is not supported; storage.redirect redirects clients to the store', 'middleware'),
  ...warned('the size of a part depends on the size of the blob', 'storage.s3.chunksize'),
  ...warned(
    'objects are never copied',
    'storage.s3.multipartcopychunksize',
    'storage.s3.multipartcopymaxconcurrency',
    'storage.s3.multipartcopythresholdsize',
  ),
  ...warned(
    "objects have the bucket's default class; a lifecycle rule of the bucket can change it",
    'storage.s3.storageclass',
  ),
  ...warned('objects are private to the owner of the bucket', 'storage.s3.objectacl'),
  ...warned('requests to S3 have a fixed user agent', 'storage.s3.useragent'),
  ...warned('individual requests to S3 are not logged', 'storage.s3.loglevel'),
  ...warned(
    'a process shares a few connections to Redis',
    ...ofRedis('pool', 'poolfifo', 'poolsize', 'pooltimeout', 'minidleconns', 'maxidleconns', 'maxactiveconns'),
    ...ofRedis('connmaxidletime', 'connmaxlifetime'),
  ),
  ...warned(
    'redis.commandtimeout is the only timeout for Redis',
    ...ofRedis('dialtimeout', 'readtimeout', 'writetimeout', 'contexttimeoutenabled'),
  ),
  ...warned(
    'retries depend on the command and cannot be configured',
    ...ofRedis('maxretries', 'minretrybackoff', 'maxretrybackoff', 'maxredirects'),
  ),
  ...warned(
    'replicas are not read, because they lag behind and leases need the master',
    ...ofRedis('readonly', 'routebylatency', 'routerandomly'),
  ),
  ...warned(
    'name and protocol of connections are fixed',
    ...ofRedis('clientname', 'disableidentity', 'identitysuffix', 'protocol', 'unstableresp3'),
  ),
  ...warned('no events are sent', 'notifications'),
  ...warned('URLs begin with /v2/, or with /<upstream>/v2/ for an upstream that is not the default', 'http.prefix'),
  ...warned('links in responses are relative, so the external address is not needed', 'http.host'),
  ...warned('links in responses are always relative', 'http.relativeurls'),
  ...warned('it signs the state of uploads, and a cache has no uploads', 'http.secret'),
  ...warned('clients are served over HTTP/1.1', 'http.http2', 'http.h2c'),
  ...warned('only the store is checked', 'health.file', 'health.http', 'health.tcp'),
  ...warned('the number of repositories in one response has a fixed limit', 'catalog'),
  ...warned('manifests are served as the upstream sent them, with any schema', 'compatibility'),
  ...warned(noPush, 'validation', 'policy'),
  {
    path: 'proxy.ttl',
    standing: 'warned',
    origin: 'registry',
    reason:
      'content does not expire, because a digest never changes. storage.maxbytes limits the store, and upstreams.<name>.ttl or .freshness sets the time to live of tags',
    shape: duration('Accepted for registry:2.'),
  },

  ...refused(
    'this storage driver is not supported; use storage.filesystem or storage.s3',
    'storage.azure',
    'storage.gcs',
    'storage.oss',
    'storage.swift',
  ),
  ...refused('write it as storage.s3', 'storage.s3aws'),
  ...refused('this scheme is only for tests of registry:2', 'auth.silly'),
  ...refused('a namespace before every repository is not supported', 'proxy.remotenamespace'),

  ...planned('removing content by age or size', 'eviction'),
];
