import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, problemPaths } from '../testing.ts';

const required = { realm: 'https://auth.test/token', service: 's', issuer: 'i', rootcertbundle: '/bundle.pem' };
const write = (changed: object, beside: object = {}) =>
  `auth: ${JSON.stringify({ token: { ...required, ...changed }, ...beside })}`;

test("registry:2's keys of a token server are accepted", () => {
  assert.deepEqual(load(write({ jwks: '/keys.json', signingalgorithms: ['ES256'] })).auth.externalTokens, {
    realm: { url: 'https://auth.test/token' },
    service: 's',
    issuer: 'i',
    rootCertBundle: '/bundle.pem',
    jwks: '/keys.json',
    algorithms: ['ES256'],
  });
  assert.deepEqual(load(write({ autoredirect: true })).auth.externalTokens?.realm, { path: '/auth/token' });
  assert.equal(load('{}').auth.externalTokens, undefined);
});

test('settings that would reject or accept every token are reported', () => {
  for (const [changed, path] of [
    [{ rootcertbundle: undefined }, 'auth.token.rootcertbundle'],
    [{ jwks: 'https://auth.test/keys' }, 'auth.token.jwks'],
    [{ signingalgorithms: ['HS256'] }, 'auth.token.signingalgorithms'],
    [{ signingalgorithms: ['none'] }, 'auth.token.signingalgorithms'],
    [{ service: '' }, 'auth.token.service'],
    [{ autoredirectpath: 'token' }, 'auth.token.autoredirectpath'],
    [{ issuer: undefined }, 'auth.token.issuer'],
  ] as const)
    assert.deepEqual(problemPaths(write(changed)), [path], JSON.stringify(changed));
});

test('auth.token excludes the other keys of auth', () => {
  assert.deepEqual(problemPaths(write({}, { robots: true })), ['auth.token']);
  assert.deepEqual(problemPaths(write({}, { htpasswd: { realm: 'r', path: '/p' } })), ['auth.token']);
});
