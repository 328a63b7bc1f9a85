import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '@cistern/config';
import { redisConnectionOf } from './redis-of.ts';

function connectionOf(redis: string) {
  const config = loadConfig({
    env: { REGISTRY_REDIS: redis },
    readFile: (path) => path,
    defaults: { rootDirectory: '/' },
  });
  return redisConnectionOf(config.redis ?? assert.fail());
}

test('redisConnectionOf reveals the secrets of every kind of connection and omits unset fields', () => {
  assert.deepEqual(
    connectionOf('{addr: "r:1", db: 2, username: u, password: p, tls: {ca: /a, certificate: /c, key: /k}}'),
    {
      kind: 'standalone',
      host: 'r',
      port: 1,
      db: 2,
      username: 'u',
      password: 'p',
      tls: { ca: ['/a'], cert: '/c', key: '/k' },
    },
  );
  assert.deepEqual(
    connectionOf('{addr: s, mastername: m, sentinelusername: u, sentinelpassword: p, tls: {enabled: true}}'),
    {
      kind: 'sentinel',
      sentinels: [{ host: 's', port: 26_379 }],
      name: 'm',
      db: 0,
      sentinelUsername: 'u',
      sentinelPassword: 'p',
      username: undefined,
      password: undefined,
      tls: {},
    },
  );
  assert.deepEqual(connectionOf('{addrs: [a, b], password: p}'), {
    kind: 'cluster',
    nodes: [
      { host: 'a', port: 6379 },
      { host: 'b', port: 6379 },
    ],
    username: undefined,
    password: 'p',
    tls: undefined,
  });
});
