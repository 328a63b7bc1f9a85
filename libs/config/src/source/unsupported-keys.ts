// Keys that are known but not honoured, as data: a later version moves a row out of here and into a section's schema.
// `warned`: the file works without it. `refused`: going on without it would do something else than the user asked for.
import type { z } from 'zod';
import { duration } from '../values/values.ts';

export interface UnsupportedKey {
  /** Keys joined by dots; `*` stands for any key of a map. Everything below it is covered. */
  readonly path: string;
  readonly standing: 'warned' | 'refused';
  /** Whose key it is: registry:2's, or Cistern's own that this version does not have yet. */
  readonly origin: 'registry' | 'cistern';
  /** A clause that follows the path and a colon. */
  readonly reason: string;
  /** What lies below is checked all the same. */
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

const noPush = 'nothing can be pushed to or deleted from a cache';

export const unsupportedKeys: readonly UnsupportedKey[] = [
  ...warned('the file is read again when it has changed', 'auth.token.jwksrefreshinterval'),
  ...warned('log hooks are not run; alert on the metrics or on the log instead', 'log.hooks'),
  ...warned('lines of the log do not name the line of code', 'log.reportcaller'),
  ...warned('nothing is reported to Bugsnag or New Relic', 'reporting'),
  ...warned(noPush, 'storage.delete'),
  ...warned('there are no uploads to purge, and the cache is always read-only to clients', 'storage.maintenance'),
  ...warned('middleware is not loaded; storage.redirect sends clients to the store itself', 'middleware'),
  ...warned('the size of parts follows from the size of the blob', 'storage.s3.chunksize'),
  ...warned(
    'objects are never copied',
    'storage.s3.multipartcopychunksize',
    'storage.s3.multipartcopymaxconcurrency',
    'storage.s3.multipartcopythresholdsize',
  ),
  ...warned("objects have the bucket's default class; a rule of the bucket can move them", 'storage.s3.storageclass'),
  ...warned('objects are private to the owner of the bucket', 'storage.s3.objectacl'),
  ...warned('requests to S3 name their own client', 'storage.s3.useragent'),
  ...warned('requests to S3 are not logged one by one', 'storage.s3.loglevel'),
  ...warned(
    'a process keeps a few connections to Redis and shares them',
    ...ofRedis('pool', 'poolfifo', 'poolsize', 'pooltimeout', 'minidleconns', 'maxidleconns', 'maxactiveconns'),
    ...ofRedis('connmaxidletime', 'connmaxlifetime'),
  ),
  ...warned(
    'redis.commandtimeout is the one timeout for Redis',
    ...ofRedis('dialtimeout', 'readtimeout', 'writetimeout', 'contexttimeoutenabled'),
  ),
  ...warned(
    'what may be tried again depends on what it is',
    ...ofRedis('maxretries', 'minretrybackoff', 'maxretrybackoff', 'maxredirects'),
  ),
  ...warned(
    'replicas are not read: they lag behind, and leases need the master',
    ...ofRedis('readonly', 'routebylatency', 'routerandomly'),
  ),
  ...warned(
    'connections name themselves and speak the protocol they need',
    ...ofRedis('clientname', 'disableidentity', 'identitysuffix', 'protocol', 'unstableresp3'),
  ),
  ...warned('no events are sent', 'notifications'),
  ...warned('URLs begin with /v2/, or with /<upstream>/v2/ for an upstream that is not the default', 'http.prefix'),
  ...warned('links in answers are relative, so the external address need not be known', 'http.host'),
  ...warned('links in answers are always relative', 'http.relativeurls'),
  ...warned('it signs the state of uploads, and there are none', 'http.secret'),
  ...warned('clients are served over HTTP/1.1', 'http.http2', 'http.h2c'),
  ...warned('only the store is checked', 'health.file', 'health.http', 'health.tcp'),
  ...warned('the number of repositories in one answer has a fixed limit', 'catalog'),
  ...warned('manifests are passed on as the upstream sent them, whatever their schema', 'compatibility'),
  ...warned(noPush, 'validation', 'policy'),
  {
    path: 'proxy.ttl',
    standing: 'warned',
    origin: 'registry',
    reason:
      'content does not expire, because a digest cannot go stale: storage.maxbytes limits how much is kept, upstreams.<name>.ttl and .freshness how long a tag is served without asking the upstream again',
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
  ...refused('this scheme is for tests of registry:2 only', 'auth.silly'),
  ...refused('putting a namespace before every repository is not supported', 'proxy.remotenamespace'),

  ...planned('removing content by age or size', 'eviction'),
];
