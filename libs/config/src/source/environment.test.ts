import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, problemPaths, problemsOf } from '../testing.ts';

test('variables set and override keys of any section, including our own', () => {
  const config = load('http: {addr: ":1"}\nlog: {level: error}', {
    env: {
      REGISTRY_HTTP_ADDR: ':6000',
      REGISTRY_LOG_FIELDS_ENVIRONMENT: 'staging',
      REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: '/data',
      REGISTRY_WORKER_SPOOL_MAXBYTES: '1GiB',
      REGISTRY_HTTP_DEBUG_PROMETHEUS_ENABLED: 'false',
    },
  });
  assert.deepEqual(config.http.address, { kind: 'tcp', host: undefined, port: 6000 });
  assert.equal(config.log.level, 'error');
  assert.deepEqual(config.log.fields, { environment: 'staging' });
  assert.deepEqual(config.storage, { kind: 'filesystem', rootDirectory: '/data' });
  assert.equal(config.worker.spool.maxBytes, 1024 ** 3);
  assert.equal(config.http.debug.prometheus.enabled, false);
});

test('values are YAML and may be whole sections and lists', () => {
  const { http } = load(undefined, {
    env: {
      REGISTRY_HTTP: '{addr: ":7", draintimeout: 5s}',
      REGISTRY_HTTP_DRAINTIMEOUT: '"7s"',
      REGISTRY_HTTP_HEADERS: '{X-A: [b]}',
      'REGISTRY_HTTP_HEADERS_ACCESS-CONTROL-ALLOW-ORIGIN': "['*']",
      REGISTRY_HTTP_TRUSTEDPROXIES: '[10.0.0.0/8, 192.0.2.1]',
    },
  });
  assert.deepEqual(http.address, { kind: 'tcp', host: undefined, port: 7 });
  assert.equal(http.drainTimeoutMs, 7000);
  assert.deepEqual(http.headers, { 'X-A': ['b'], 'access-control-allow-origin': ['*'] });
  assert.deepEqual(http.trustedProxies, ['10.0.0.0/8', '192.0.2.1/32']);
});

test('a number in a variable sets the item of a list', () => {
  const file = 'http: {trustedproxies: [10.0.0.1, 10.0.0.2]}';
  const env = { REGISTRY_HTTP_TRUSTEDPROXIES_1: '10.0.0.9', REGISTRY_HTTP_TRUSTEDPROXIES_2: '10.0.0.3' };
  assert.deepEqual(load(file, { env }).http.trustedProxies, ['10.0.0.1/32', '10.0.0.9/32', '10.0.0.3/32']);
  assert.deepEqual(load(undefined, { env: { REGISTRY_HTTP_TRUSTEDPROXIES_0: '10.0.0.1' } }).http.trustedProxies, [
    '10.0.0.1/32',
  ]);
});

test('variables match keys of maps case-insensitively, the longest key first', () => {
  const file = 'http: {headers: {X-Content-Type-Options: [a]}}\nlog: {fields: {my_field: a, My: b}}';
  const { http, log } = load(file, {
    env: { 'REGISTRY_HTTP_HEADERS_X-CONTENT-TYPE-OPTIONS': '[nosniff]', REGISTRY_LOG_FIELDS_MY_FIELD: 'c' },
  });
  assert.deepEqual(http.headers, { 'X-Content-Type-Options': ['nosniff'] });
  assert.deepEqual(log.fields, { my_field: 'c', My: 'b' });
});

test('a variable may name an upstream with dots', () => {
  const config = load(undefined, { env: { 'REGISTRY_UPSTREAMS_QUAY.IO_TTL': '5m' } });
  assert.deepEqual(
    config.upstreams.map(({ name, freshness }) => ({ name, ttlMs: freshness.at(-1)?.ttlMs })),
    [{ name: 'quay.io', ttlMs: 300_000 }],
  );
});

test('a password that is not valid YAML is taken literally', () => {
  for (const password of ['[x', '*star', '@at', '%p', '12345', 'true', 'a: b: c']) {
    const env = {
      REGISTRY_PROXY_REMOTEURL: 'https://quay.io',
      REGISTRY_PROXY_USERNAME: 'u',
      REGISTRY_PROXY_PASSWORD: password,
    };
    const [account] = load(undefined, { env }).upstreams[0]?.credentials ?? [];
    assert.equal(account?.kind === 'password' && account.password.reveal(), password);
  }
});

test('a variable selects the store by name, alongside its parameters', () => {
  const env = { REGISTRY_STORAGE: 'filesystem', REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY: '/data' };
  assert.deepEqual(load('storage: {inmemory: }', { env }).storage, { kind: 'filesystem', rootDirectory: '/data' });
});

test('variables that name no key cause warnings, and those of platforms are ignored', () => {
  const { warnings } = load(undefined, {
    env: {
      REGISTRY_HTTP_ADR: ':1',
      REGISTRY_HTTP_ADDR_X: ':1',
      REGISTRY_HTTP_TRUSTEDPROXIES_7: '10.0.0.1',
      REGISTRY_PORT: 'tcp://10.0.0.1:5000',
      REGISTRY_PORT_5000_TCP_ADDR: '10.0.0.1',
      REGISTRY_SERVICE_HOST: '10.0.0.1',
      OTHER: 'x',
    },
  });
  assert.deepEqual(
    warnings.map(({ path }) => path),
    ['REGISTRY_HTTP_ADDR_X', 'REGISTRY_HTTP_ADR', 'REGISTRY_HTTP_TRUSTEDPROXIES_7'],
  );
});

test('a problem names the variable that caused it', () => {
  const env = { REGISTRY_HTTP_ADDR: '5000', REGISTRY_AUTH_SILLY_REALM: 'r', REGISTRY_HTTP_TLS_MINIMUMTLS: '2' };
  assert.deepEqual(problemPaths('log: {level: loud}', { env }), [
    'auth.silly',
    'log.level',
    'http.tls.minimumtls',
    'http.addr',
  ]);
  const messages = problemsOf('log: {level: loud}', { env }).map(({ message }) => message);
  assert.match(messages[0] ?? '', /\(set by REGISTRY_AUTH_SILLY_REALM\)$/);
  assert.doesNotMatch(messages[1] ?? '', /set by/);
  assert.match(messages[2] ?? '', /\(set by REGISTRY_HTTP_TLS_MINIMUMTLS\)$/);
  assert.match(messages[3] ?? '', /\(set by REGISTRY_HTTP_ADDR\)$/);
});
