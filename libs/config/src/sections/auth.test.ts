import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, problemPaths } from '../testing.ts';

test('all clients may pull without a section', () => {
  for (const text of ['{}', 'auth: {}', 'auth:']) assert.equal(load(text).auth.htpasswd, undefined);
});

test('loadConfig does not read the file of users, so that workers need not have it', () => {
  const { auth } = load('auth: {htpasswd: {realm: The cache, path: /users}}');
  assert.deepEqual(auth.htpasswd, { realm: 'The cache', path: '/users' });
});

test('missing keys and realms that a header cannot contain are rejected', () => {
  assert.deepEqual(problemPaths('auth: htpasswd'), ['auth.htpasswd.realm', 'auth.htpasswd.path']);
  assert.deepEqual(problemPaths('auth: {htpasswd: {path: /users}}'), ['auth.htpasswd.realm']);
  assert.deepEqual(problemPaths('auth: {htpasswd: {realm: r}}'), ['auth.htpasswd.path']);
  assert.deepEqual(problemPaths('auth: {htpasswd: {realm: " ", path: /users}}'), ['auth.htpasswd.realm']);
  assert.deepEqual(problemPaths(String.raw`auth: {htpasswd: {realm: "a\nb", path: /users}}`), ['auth.htpasswd.realm']);
  assert.deepEqual(problemPaths('auth: {users: {}}'), ['auth.users']);
});

test('the token server needs a way to log in', () => {
  const users = 'htpasswd: {realm: r, path: /users}';
  const tokenServer = (text: string) => load(`auth: {${users}, tokenserver: {${text}}}`).auth.tokenServer;
  assert.deepEqual(tokenServer(''), { url: undefined, service: 'cistern', lifetimeMs: 300_000 });
  assert.equal(tokenServer('url: "https://cache.test/"')?.url, 'https://cache.test/token');
  assert.deepEqual(problemPaths('auth: {tokenserver: {}}'), ['auth.tokenserver']);
  for (const [key, value] of [
    ['lifetime', '59s'],
    ['lifetime', '2h'],
    ['url', 'https://cache.test/path'],
    ['service', '""'],
  ] as const)
    assert.deepEqual(problemPaths(`auth: {${users}, tokenserver: {${key}: ${value}}}`), [`auth.tokenserver.${key}`]);
});

test('robots alone are a way to log in', () => {
  const { auth } = load('auth: {robots: true, tokenserver: {}}');
  assert.equal(auth.robots, true);
  assert.equal(auth.realm, 'cistern');
});
