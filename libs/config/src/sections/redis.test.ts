import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { load, problemPaths, problemsOf, type Given } from '../testing.ts';

const redis = (keys: string, given?: Given) => load(`redis: ${keys}`, given).redis;
const connection = (keys: string, given?: Given) => redis(keys, given)?.connection;
const anonymous = { username: undefined, password: undefined, tls: undefined };

test('the section of registry 2.x is accepted', () => {
  const config = load(
    'redis: {addr: "localhost:6379", password: asecret, db: 2, dialtimeout: 10ms, readtimeout: 10ms, writetimeout: 10ms, pool: {maxidle: 16, maxactive: 64, idletimeout: 300s}, tls: {enabled: false}}',
  );
  assert.equal(config.redis?.keyPrefix, 'cistern:');
  assert.equal(config.redis.commandTimeoutMs, 1500);
  assert.partialDeepStrictEqual(config.redis.connection, {
    kind: 'standalone',
    host: 'localhost',
    port: 6379,
    db: 2,
    tls: undefined,
  });
  assert.equal(config.redis.connection.password?.reveal(), 'asecret');
  assert.deepEqual(
    config.warnings.map(({ path }) => path),
    ['redis.dialtimeout', 'redis.readtimeout', 'redis.writetimeout', 'redis.pool', 'redis'],
  );
});

test('the section of registry 3.x is accepted', () => {
  const config = load(
    'redis: {tls: {certificate: /c, key: /k, clientcas: [/ca]}, addrs: ["redis:6380"], username: u, password: asecret, db: 0, dialtimeout: 10ms, maxidleconns: 16, poolsize: 64, connmaxidletime: 300s}',
    { files: { '/c': 'certificate', '/k': 'key', '/ca': 'authority' } },
  );
  const { tls, ...found } = config.redis?.connection ?? assert.fail();
  assert.partialDeepStrictEqual(found, { kind: 'standalone', host: 'redis', port: 6380, db: 0, username: 'u' });
  assert.deepEqual(tls?.ca, ['authority']);
  assert.equal(tls.clientCertificate?.certificate, 'certificate');
  assert.equal(tls.clientCertificate.key.reveal(), 'key');
  assert.equal(config.warnings.length, 5);
});

test('environment variables alone are sufficient', () => {
  const env = { REGISTRY_REDIS_ADDR: 'r:1', REGISTRY_REDIS_PASSWORD: '' };
  assert.deepEqual(load(undefined, { env }).redis?.connection, {
    ...anonymous,
    kind: 'standalone',
    host: 'r',
    port: 1,
    db: 0,
  });
});

test('the command timeout must be from 50 ms to 10 s', () => {
  assert.equal(redis('{addr: a, commandtimeout: 2s}')?.commandTimeoutMs, 2000);
  for (const wrong of ['49ms', '11s'])
    assert.deepEqual(problemPaths(`redis: {addr: a, commandtimeout: ${wrong}}`), ['redis.commandtimeout']);
});

test("a master's name means Sentinel, with its own account", () => {
  const found = connection(
    '{addrs: [s1, "[::1]:26380"], mastername: m, db: 1, sentinelusername: u, sentinelpasswordfile: /p}',
    {
      files: { '/p': 'asecret\n' },
    },
  );
  assert.partialDeepStrictEqual(found, {
    ...anonymous,
    kind: 'sentinel',
    name: 'm',
    db: 1,
    sentinels: [
      { host: 's1', port: 26_379 },
      { host: '::1', port: 26_380 },
    ],
    sentinelUsername: 'u',
  });
  assert.equal(found?.kind === 'sentinel' && found.sentinelPassword?.reveal(), 'asecret');
});

test('several addresses mean Cluster, and so does one with cluster: true', () => {
  const nodes = [
    { host: 'a', port: 6379 },
    { host: 'b', port: 7000 },
  ];
  assert.deepEqual(connection('{addrs: [a, "b:7000"]}'), { ...anonymous, kind: 'cluster', nodes });
  assert.deepEqual(connection('{addr: a, cluster: true}'), { ...anonymous, kind: 'cluster', nodes: nodes.slice(0, 1) });
});

test("TLS trusts the system's authorities or a configured one, and can be disabled", () => {
  const given = { files: { '/ca': 'authority' } };
  const tlsOf = (tls: string) => connection(`{addr: a, tls: ${tls}}`, given)?.tls;
  assert.deepEqual(tlsOf('{enabled: true}'), { ca: undefined, clientCertificate: undefined });
  assert.deepEqual(tlsOf('{ca: /ca}'), { ca: ['authority'], clientCertificate: undefined });
  assert.equal(tlsOf('{}'), undefined);
});

test('missing, contradictory and invalid settings are reported', () => {
  assert.match(problemsOf('redis: {password: x}')[0]?.message ?? '', /^is required: the address of Redis/);
  assert.deepEqual(problemPaths('redis: {addrs: []}'), ['redis.addrs']);
  assert.deepEqual(problemPaths('redis: {addr: a, addrs: [b]}'), ['redis.addr']);
  assert.deepEqual(problemPaths('redis: {addrs: ["a:6379", "b:x"]}'), ['redis.addrs[1]']);
  assert.deepEqual(problemPaths('redis: {addr: ":6379"}'), ['redis.addr']);
  assert.deepEqual(problemPaths('redis: {addrs: [a, b], db: 1}'), ['redis.db']);
  assert.deepEqual(problemPaths('redis: {addr: a, cluster: true, mastername: m}'), ['redis.cluster']);
  assert.deepEqual(problemPaths('redis: {addr: a, keyprefix: "{x}:"}'), ['redis.keyprefix']);
  assert.deepEqual(problemPaths('redis: {addr: a, tls: {certificate: /c}}'), ['redis.tls.key']);
  assert.deepEqual(problemPaths('redis: {addr: a, tls: {ca: /gone}}'), ['redis.tls.ca']);
  assert.deepEqual(problemPaths('redis: {addr: a, password: p, passwordfile: /gone}'), ['redis.passwordfile']);
  assert.deepEqual(
    load('redis: {addr: a, sentinelpassword: p}').warnings.map(({ path }) => path),
    ['redis.sentinelpassword', 'redis'],
  );
});

test('no way of printing the section shows a password', () => {
  const shown = redis('{addrs: [a], mastername: m, password: hunter2, sentinelpassword: hunter2}');
  assert.doesNotMatch(JSON.stringify(shown) + inspect(shown, { depth: 9, showHidden: true }), /hunter2/);
});
