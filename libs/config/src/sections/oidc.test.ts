import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, problemPaths } from '../testing.ts';

const github = {
  issuer: 'https://token.actions.githubusercontent.com',
  audience: 'https://cache.test',
  rules: [{ when: { repository_owner: 'acme', ref: ['refs/heads/main', 'refs/tags/*'] }, pull: ['docker.io/**'] }],
};
const write = (changed: object) => `auth: {oidc: {github: ${JSON.stringify({ ...github, ...changed })}}}`;

test('an issuer has an audience and rules', () => {
  const { oidc } = load(write({ labels: ['repository'], ca: '/ca' }), { files: { '/ca': 'authority' } }).auth;
  assert.deepEqual(oidc, [
    {
      name: 'github',
      url: github.issuer,
      audiences: ['https://cache.test'],
      ca: 'authority',
      rules: [
        {
          when: { repository_owner: ['acme'], ref: ['refs/heads/main', 'refs/tags/*'] },
          grants: ['docker.io/**'],
        },
      ],
      labels: ['repository'],
    },
  ]);
  assert.deepEqual(load('{}').auth.oidc, []);
});

test('an issuer or rule that would authenticate strangers is rejected', () => {
  const at = 'auth.oidc.github';
  for (const [changed, path] of [
    [{ issuer: 'http://issuer.test' }, `${at}.issuer`],
    [{ issuer: 'issuer' }, `${at}.issuer`],
    [{ issuer: 'https://u:p@issuer.test' }, `${at}.issuer`],
    [{ audience: [] }, `${at}.audience`],
    [{ audience: '' }, `${at}.audience`],
    [{ rules: [] }, `${at}.rules`],
    [{ rules: [{ when: {}, pull: '**' }] }, `${at}.rules[0].when`],
    [{ rules: [{ when: { sub: '*' }, pull: '**' }] }, `${at}.rules[0].when`],
    [{ rules: [{ when: { repository: '*/*' }, pull: '**' }] }, `${at}.rules[0].when`],
    [{ rules: [{ when: { repository_owner: ['acme', '**'] }, pull: '**' }] }, `${at}.rules[0].when`],
    [{ rules: [{ when: { sub: 'a', ref: [] }, pull: '**' }] }, `${at}.rules[0].when.ref`],
    [{ rules: [{ when: { sub: 'a' }, pull: [] }] }, `${at}.rules[0].pull`],
    [{ rules: [{ when: { sub: 'a' }, pull: '!docker.io/**' }] }, `${at}.rules[0].pull`],
    [{ rules: [{ pull: '**' }] }, `${at}.rules[0].when`],
    [{ ca: '/missing' }, `${at}.ca`],
  ] as const)
    assert.deepEqual(problemPaths(write(changed)), [path], JSON.stringify(changed));
  assert.deepEqual(problemPaths(write({ issuer: 'http://127.0.0.1:8080' })), [], 'plain HTTP is safe on this machine');
  assert.deepEqual(problemPaths(`auth: {oidc: {a: ${JSON.stringify(github)}, b: ${JSON.stringify(github)}}}`), [
    'auth.oidc.b.issuer',
  ]);
  assert.deepEqual(problemPaths(`auth: {oidc: {"A b": ${JSON.stringify(github)}}}`), ['auth.oidc.A b']);
});

const warningsOf = (when: object) => load(write({ rules: [{ when, pull: '**' }] })).warnings;

test('a star after a name causes a warning that shows the intended pattern', () => {
  const path = 'auth.oidc.github.rules[0].when';
  const [warning, ...others] = warningsOf({ ref: 'refs/heads/*', namespace_path: ['acme', 'acme*'] });
  assert.deepEqual([warning?.path, others], [`${path}.namespace_path`, []]);
  assert.match(warning?.message ?? '', /^"acme\*" also matches "acme-evil".* Write "acme\/\*"/);
  assert.match(warningsOf({ sub: 'repo:acme**' })[0]?.message ?? '', /Write "repo:acme\/\*"/);
  for (const pattern of [
    'acme/*',
    'acme/**',
    'repo:acme/*:ref:refs/heads/main',
    'refs/tags/v*',
    'acme/app*',
    'a?',
    '*-acme',
  ])
    assert.deepEqual(warningsOf({ sub: pattern, repository_owner: 'acme' }), [], pattern);
});
