import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isReloadable } from '../source/reloadable-keys.ts';
import { load, makeKeyPair } from '../testing.ts';
import { fingerprintOf } from './canonical-text.ts';
import { changedSettings } from './changed-settings.ts';

const base = {
  http: { addr: ':5000', headers: { a: ['1'] } },
  upstreams: { 'quay.io': { username: 'ada', password: 'one' }, 'ghcr.io': {} },
};
const changed = (file: object, env = {}) =>
  changedSettings(load(JSON.stringify(base)), load(JSON.stringify(file), { env }));

test('changed settings are named by their keys in the file, and secrets are compared', () => {
  assert.deepEqual(changed(base), []);
  assert.deepEqual(changed({ upstreams: base.upstreams, http: { headers: base.http.headers, addr: ':5000' } }), []);
  assert.deepEqual(changed({ ...base, http: { ...base.http, addr: ':6000', draintimeout: '1s' } }), [
    'http.addr',
    'http.draintimeout',
  ]);
  const upstreams = { ...base.upstreams, 'quay.io': { username: 'ada', password: 'two' } };
  assert.deepEqual(changed({ ...base, upstreams }), ['upstreams.quay.io.password']);
  assert.deepEqual(changed({ ...base, upstreams: { 'ghcr.io': {} } }), ['upstreams.quay.io']);
  assert.deepEqual(changed({ ...base, offline: true }), ['offline']);
  assert.deepEqual(changed(base, { REGISTRY_LOG_LEVEL: 'debug' }), ['log.level']);
});

test('a changed content of a file names the section', () => {
  const file = JSON.stringify({ upstreams: { 'quay.io': { ca: '/ca.pem' } } });
  const read = (pem: string) => load(file, { files: { '/ca.pem': pem } });
  const [one, other] = [makeKeyPair(), makeKeyPair()];
  assert.deepEqual(changedSettings(read(one), read(one)), []);
  assert.deepEqual(changedSettings(read(one), read(other)), ['upstreams']);
});

/** Returns a configuration in which the alias of the image to prewarm belongs to `upstream`. */
const withAliasOf = (upstream: string) => {
  const upstreams = { 'quay.io': {}, 'ghcr.io': {}, [upstream]: { aliases: ['mirror'] } };
  return load(JSON.stringify({ upstreams, prewarm: { images: [{ image: 'mirror/app' }] } }));
};

test('an image to prewarm that now belongs to another upstream names the section', () => {
  const [one, other] = [withAliasOf('quay.io'), withAliasOf('ghcr.io')];
  assert.deepEqual(
    changedSettings(one, other).filter((key) => !isReloadable(key)),
    ['prewarm'],
  );
  assert.deepEqual(changedSettings(one, withAliasOf('quay.io')), []);
});

test('a reload applies upstreams, auth, access, limits and the log level, and nothing else', () => {
  for (const path of ['upstreams.quay.io.url', 'proxy.password', 'offline', 'auth.robots', 'access', 'limits.except'])
    assert.ok(isReloadable(path), path);
  for (const path of ['log.level', 'loglevel']) assert.ok(isReloadable(path), path);
  for (const path of ['log.formatter', 'http.addr', 'accessible', 'storage', 'prewarm.images'])
    assert.ok(!isReloadable(path), path);
});

test('nodes of a cluster have the same fingerprint if the common settings are equal', () => {
  const cluster = { redis: { addr: 'redis:6379' }, cluster: { secret: '0123456789abcdef' } };
  const s3 = { bucket: 'one', regionendpoint: 'http://s3:9000', accesskey: 'a', secretkey: 's' };
  const print = (file: object) =>
    fingerprintOf(load(JSON.stringify({ ...base, ...cluster, storage: { s3 }, ...file })));
  const common = print({});
  assert.match(common ?? '', /^[0-9a-f]{16}$/);
  const own = { http: { addr: ':9' }, worker: { spool: { directory: '/spool' } }, log: { level: 'debug' } };
  assert.equal(print({ ...own, storage: { s3: { ...s3, indexdirectory: '/own' } } }), common);
  assert.equal(print({ prewarm: { top: 3 }, storage: { s3: { ...s3, accesskey: 'b', secretkey: 't' } } }), common);
  const { 'quay.io': quay, 'ghcr.io': ghcr } = base.upstreams;
  assert.equal(print({ upstreams: { 'ghcr.io': ghcr, 'quay.io': quay } }), common);
  for (const file of [
    { upstreams: { ...base.upstreams, 'quay.io': { username: 'ada', password: 'two' } } },
    { access: { default: 'deny' } },
    { limits: { connections: 3 } },
    { storage: { s3: { ...s3, bucket: 'other' } } },
    { cluster: { secret: 'another secret 1' } },
  ])
    assert.notEqual(print(file), common, JSON.stringify(file));
  assert.equal(fingerprintOf(load(JSON.stringify(base))), undefined);
});
