import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRedisUrl } from './redis-connection.ts';

const parsed = (url: string) => parseRedisUrl({ kind: 'url', url });

test('a URL is parsed into host, port, database and account, with escapes decoded', () => {
  assert.deepEqual(parsed('redis://app:p%40ss@cache.example:6380/3'), {
    kind: 'standalone',
    host: 'cache.example',
    port: 6380,
    db: 3,
    username: 'app',
    password: 'p@ss',
    tls: undefined,
  });
});

test('missing parts of a URL have the usual defaults, and rediss means TLS', () => {
  const { port, db, username, password, tls } = parsed('rediss://[::1]');
  assert.deepEqual(
    { port, db, username, password, tls },
    { port: 6379, db: 0, username: undefined, password: undefined, tls: {} },
  );
  assert.equal(parsed('redis://[::1]').host, '::1');
});

for (const url of ['http://cache.example', 'redis:///0', 'redis://cache.example/first'])
  test(`${url} is rejected, and the error hides its account`, () => {
    assert.throws(
      () => parsed(url.replace('://', '://app:secret@')),
      (error: Error) => {
        assert.ok(error instanceof TypeError);
        assert.ok(!error.message.includes('secret'), error.message);
        return true;
      },
    );
  });
