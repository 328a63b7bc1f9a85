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

const warned = (path: string, reason: string, shape?: z.ZodType): UnsupportedKey => ({
  path,
  standing: 'warned',
  origin: 'registry',
  reason,
  ...(shape && { shape }),
});

const warnedOfRedis = (reason: string, keys: readonly string[]): readonly UnsupportedKey[] =>
  keys.map((key) => warned(`redis.${key}`, reason));

const refused = (path: string, reason: string): UnsupportedKey => ({
  path,
  standing: 'refused',
  origin: 'registry',
  reason,
});

const planned = (path: string, purpose: string): UnsupportedKey => ({
  path,
  standing: 'refused',
  origin: 'cistern',
  reason: `${purpose} is not supported by this version; remove the key`,
});

const noPush = 'nothing can be pushed to or deleted from a cache';
const otherStore = 'this storage driver is not supported; use storage.filesystem or storage.s3';
const ownParts = 'the size of parts follows from the size of the blob';
const noCopy = 'objects are never copied';

export const unsupportedKeys: readonly UnsupportedKey[] = [
  warned('auth.token.jwksrefreshinterval', 'the file is read again when it has changed'),
  warned('log.hooks', 'log hooks are not run; alert on the metrics or on the log instead'),
  warned('log.reportcaller', 'lines of the log do not name the line of code'),
  warned('reporting', 'nothing is reported to Bugsnag or New Relic'),
  warned('storage.delete', noPush),
  warned('storage.maintenance', 'there are no uploads to purge, and the cache is always read-only to clients'),
  warned('middleware', 'middleware is not loaded; storage.redirect sends clients to the store itself'),
  warned('storage.s3.chunksize', ownParts),
  warned('storage.s3.multipartcopychunksize', noCopy),
  warned('storage.s3.multipartcopymaxconcurrency', noCopy),
  warned('storage.s3.multipartcopythresholdsize', noCopy),
  warned('storage.s3.storageclass', "objects have the bucket's default class; a rule of the bucket can move them"),
  warned('storage.s3.objectacl', 'objects are private to the owner of the bucket'),
  warned('storage.s3.useragent', 'requests to S3 name their own client'),
  warned('storage.s3.loglevel', 'requests to S3 are not logged one by one'),
  ...warnedOfRedis('a process keeps a few connections to Redis and shares them', [
    'pool',
    'poolfifo',
    'poolsize',
    'pooltimeout',
    'minidleconns',
    'maxidleconns',
    'maxactiveconns',
    'connmaxidletime',
    'connmaxlifetime',
  ]),
  ...warnedOfRedis('redis.commandtimeout is the one timeout for Redis', [
    'dialtimeout',
    'readtimeout',
    'writetimeout',
    'contexttimeoutenabled',
  ]),
  ...warnedOfRedis('what may be tried again depends on what it is', [
    'maxretries',
    'minretrybackoff',
    'maxretrybackoff',
    'maxredirects',
  ]),
  ...warnedOfRedis('replicas are not read: they lag behind, and leases need the master', [
    'readonly',
    'routebylatency',
    'routerandomly',
  ]),
  ...warnedOfRedis('connections name themselves and speak the protocol they need', [
    'clientname',
    'disableidentity',
    'identitysuffix',
    'protocol',
    'unstableresp3',
  ]),
  warned('notifications', 'no events are sent'),
  warned('http.prefix', 'URLs begin with /v2/, or with /<upstream>/v2/ for an upstream that is not the default'),
  warned('http.host', 'links in answers are relative, so the external address need not be known'),
  warned('http.relativeurls', 'links in answers are always relative'),
  warned('http.secret', 'it signs the state of uploads, and there are none'),
  warned('http.http2', 'clients are served over HTTP/1.1'),
  warned('http.h2c', 'clients are served over HTTP/1.1'),
  warned('health.file', 'only the store is checked'),
  warned('health.http', 'only the store is checked'),
  warned('health.tcp', 'only the store is checked'),
  warned('catalog', 'the number of repositories in one answer has a fixed limit'),
  warned('compatibility', 'manifests are passed on as the upstream sent them, whatever their schema'),
  warned('validation', noPush),
  warned('policy', noPush),
  warned(
    'proxy.ttl',
    'content does not expire, because a digest cannot go stale: storage.maxbytes limits how much is kept, upstreams.<name>.ttl and .freshness how long a tag is served without asking the upstream again',
    duration('Accepted for registry:2.'),
  ),

  refused('storage.azure', otherStore),
  refused('storage.gcs', otherStore),
  refused('storage.oss', otherStore),
  refused('storage.swift', otherStore),
  refused('storage.s3aws', 'write it as storage.s3'),
  refused('auth.silly', 'this scheme is for tests of registry:2 only'),
  refused('proxy.remotenamespace', 'putting a namespace before every repository is not supported'),

  planned('eviction', 'removing content by age or size'),
];
