import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { checkRealm } from './token-request.ts';

const check = async (registry: string, realm: string): Promise<string> =>
  (await checkRealm({ name: 'test', url: new URL(registry) }, realm)).href;

const allowed = [
  ['https://registry-1.docker.io', 'https://auth.docker.io/token'],
  ['https://registry.gitlab.com', 'https://gitlab.com/jwt/auth'],
  ['https://ghcr.io', 'https://ghcr.io/token'],
  ['https://registry.example.co.uk', 'https://auth.example.co.uk/token'],
  ['https://10.0.0.5:5000', 'https://10.0.0.5:5001/token'],
  ['http://127.0.0.1:5000', 'http://127.0.0.1:5001/token'],
  ['http://registry.internal', 'https://registry.internal/token'],
] as const;

for (const [registry, realm] of allowed)
  test(`token realm: ${registry} may use the token server ${realm}`, async () =>
    assert.equal(await check(registry, realm), realm));

const refused = [
  ['https://registry-1.docker.io', 'https://auth.docker.io.evil.example/token', 'another domain'],
  ['https://registry-1.docker.io', 'http://auth.docker.io/token', 'not https'],
  ['https://registry.example.co.uk', 'https://auth.other.co.uk/token', 'another owner under a public suffix'],
  ['https://a.s3.amazonaws.com', 'https://b.s3.amazonaws.com/token', 'another customer of one host'],
  ['https://10.0.0.5', 'https://10.0.0.6/token', 'another address'],
  ['https://localhost', 'https://127.0.0.1/token', 'another name'],
  ['https://ghcr.io', '/token', 'not a URL'],
  ['https://ghcr.io', 'file:///etc/passwd', 'not https'],
] as const;

for (const [registry, realm, why] of refused)
  test(`token realm: ${registry} may not use the token server ${realm} (${why})`, () =>
    assert.rejects(check(registry, realm), (error) => isCacheError(error, 'upstream-refused-us') && !error.retryable));

test('token realm: user info in a realm is removed', async () =>
  assert.equal(await check('https://ghcr.io', 'https://me:secret@ghcr.io/token#x'), 'https://ghcr.io/token'));
