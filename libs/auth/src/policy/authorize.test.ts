import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAuthorize, type Policy, type PolicyRule } from './authorize.ts';
import { anonymous, type Identity } from '../authentication/authenticator.ts';

const everything: Policy = { rules: [], fallback: 'allow' };

/** Parses `docker.io/library/nginx:1.27`; a request without a tag is by digest. */
function attemptOf(image: string) {
  const [, upstream = '', repository = '', tag] = /^([^/]+)\/([^:]+)(?::(.+))?$/.exec(image) ?? [];
  return { upstream, repository, tag };
}

const mayBy = (grants: readonly string[] | undefined, image: string) =>
  createAuthorize(everything)(
    { identity: { name: 'x', method: 'password', grants }, clientIp: '192.0.2.1' },
    attemptOf(image),
  ).isAllowed;

test('unset grants allow everything, and empty grants allow nothing', () => {
  assert.ok(mayBy(undefined, 'docker.io/library/nginx'));
  assert.ok(!mayBy([], 'docker.io/library/nginx'));
});

test('grants are globs of upstream and repository', () => {
  for (const [pattern, image, expected] of [
    ['docker.io/library/*', 'docker.io/library/nginx', true],
    ['docker.io/library/*', 'docker.io/library/a/b', false],
    ['docker.io/*', 'docker.io/library/nginx', false],
    ['docker.io/**', 'docker.io/library/nginx', true],
    ['**', 'docker.io/library/nginx', true],
    ['*/team/**', 'ghcr.io/team/a/b', true],
    ['*/team/**', 'ghcr.io/teams/a', false],
    ['{docker,quay}.io/team/*', 'quay.io/team/a', true],
    ['docker.io/team', 'docker.io/team/a', false],
    ['docker.io/team*/app', 'docker.io/team-a/app', true],
  ] as const)
    assert.equal(mayBy([pattern], image), expected, `${pattern} ${image}`);
});

const rule = (action: PolicyRule['action'], images: readonly string[], rest: Partial<PolicyRule> = {}): PolicyRule => ({
  action,
  images,
  ...rest,
});

function mayUnder(policy: Policy, image: string, { user = 'ada', clientIp = '10.1.2.3' } = {}) {
  const identity: Identity = { name: user, method: 'password' };
  return createAuthorize(policy)({ identity, clientIp }, attemptOf(image)).isAllowed;
}

test('the first matching rule decides, and otherwise the default', () => {
  const rules = [
    rule('deny', ['docker.io/library/secret']),
    rule('allow', ['docker.io/library/*', 'quay.io/**']),
    rule('deny', ['**/app']),
  ];
  for (const [image, open, closed] of [
    ['docker.io/library/secret', false, false],
    ['docker.io/library/secret:v1', false, false],
    ['docker.io/library/nginx:v1', true, true],
    ['quay.io/a/app', true, true],
    ['ghcr.io/a/app', false, false],
    ['ghcr.io/a/b', true, false],
  ] as const) {
    assert.equal(mayUnder({ rules, fallback: 'allow' }, image), open, image);
    assert.equal(mayUnder({ rules, fallback: 'deny' }, image), closed, image);
  }
});

test('a rule matches only if both its users and its networks match', () => {
  const rules = [rule('allow', ['**'], { users: ['ci-*', 'ada'], networks: ['10.0.0.0/8', '2001:db8::/32'] })];
  const may = (user: string, clientIp: string) => mayUnder({ rules, fallback: 'deny' }, 'a.io/b', { user, clientIp });
  assert.ok(may('ada', '10.9.9.9'));
  assert.ok(may('ci-17', '2001:db8::1'));
  assert.ok(may('ci-17', '::ffff:10.0.0.1'));
  assert.ok(!may('bob', '10.9.9.9'));
  assert.ok(!may('ada', '11.0.0.1'));
  assert.ok(!may('ada', 'unknown'));
});

test('a star matches slashes and leading dots in a rule that denies, but not in one that allows', () => {
  const names = ['ada', '.ada', 'oidc:forge/repo:acme/app:ref:refs/heads/main', 'a/b', '\nada'];
  const mayAll = (policy: Policy) => names.filter((user) => mayUnder(policy, 'a.io/b/c', { user }));
  assert.deepEqual(mayAll({ rules: [rule('deny', ['**'], { users: ['*'] })], fallback: 'allow' }), []);
  assert.deepEqual(mayAll({ rules: [rule('allow', ['**'], { users: ['*'] })], fallback: 'deny' }), ['ada', '\nada']);
  const forge = [rule('deny', ['**'], { users: ['oidc:forge/*'] })];
  assert.deepEqual(mayAll({ rules: forge, fallback: 'allow' }), ['ada', '.ada', 'a/b', '\nada']);
  for (const [pattern, image] of [
    ['a.io/*', 'a.io/b/c'],
    ['a.io/b*', 'a.io/b/c'],
    ['*/c', 'a.io/b/c'],
    ['a.io/*:v*', 'a.io/b/c:v1'],
    ['{a,b}.io/?/*', 'a.io/b/c'],
  ] as const) {
    assert.ok(!mayUnder({ rules: [rule('deny', [pattern])], fallback: 'allow' }, image), pattern);
    const allowed = mayUnder({ rules: [rule('allow', [pattern])], fallback: 'deny' }, image);
    assert.equal(allowed, pattern === '{a,b}.io/?/*', pattern);
  }
  assert.ok(mayUnder({ rules: [rule('deny', ['a.io/secret*'])], fallback: 'allow' }, 'a.io/b/secret'));
});

test('a user whose name is a path to another name is not mistaken for that user', () => {
  const policy: Policy = { rules: [rule('allow', ['**'], { users: ['ada'] })], fallback: 'deny' };
  for (const user of ['x/../ada', 'ada/', './ada']) assert.ok(!mayUnder(policy, 'a.io/b', { user }), user);
});

test('a robot or job is not mistaken for a user of the same name', () => {
  const authorize = createAuthorize({ rules: [rule('allow', ['**'], { users: ['ada'] })], fallback: 'deny' });
  const attempt = { upstream: 'a.io', repository: 'b' };
  const may = (identity: Identity) => authorize({ identity, clientIp: '192.0.2.1' }, attempt).isAllowed;
  assert.ok(may({ name: 'ada', method: 'password' }));
  assert.ok(may({ name: 'ada', method: 'token' }));
  assert.ok(!may({ name: 'ada', method: 'robot' }));
  assert.ok(!may({ name: 'ada', method: 'oidc' }));
  const others = createAuthorize({
    rules: [rule('allow', ['**'], { users: ['robot:ada', 'oidc:forge/**', 'anonymous'] })],
    fallback: 'deny',
  });
  for (const identity of [
    { name: 'ada', method: 'robot' },
    { name: 'forge/repo:acme/app:ref:refs/heads/main', method: 'oidc' },
    { name: '', method: 'token' },
    anonymous,
  ] as const)
    assert.ok(others({ identity, clientIp: '192.0.2.1' }, attempt).isAllowed, identity.name);
});

test('a rule about tags applies to tags, and a digest may have any tag', () => {
  const latest = { rules: [rule('deny', ['docker.io/**:latest'])], fallback: 'allow' } as const;
  assert.ok(!mayUnder(latest, 'docker.io/library/nginx:latest'));
  assert.ok(mayUnder(latest, 'docker.io/library/nginx:1.27'));
  assert.ok(mayUnder(latest, 'docker.io/library/nginx'));
  const versions = { rules: [rule('allow', ['localhost:5000/app:v[0-9]*'])], fallback: 'deny' } as const;
  assert.ok(mayUnder(versions, 'localhost:5000/app:v1'));
  assert.ok(!mayUnder(versions, 'localhost:5000/app:latest'));
  assert.ok(mayUnder(versions, 'localhost:5000/app'));
  assert.ok(!mayUnder(versions, 'localhost:5000/other'));
});

/** Returns whether the decision about `a.io/b` depends on the platform, or the reason of its denial. */
function answerOf(rules: readonly PolicyRule[], fallback: Policy['fallback'], platform?: string): boolean | string {
  const caller = { identity: anonymous, clientIp: '192.0.2.1' };
  const decision = createAuthorize({ rules, fallback })(caller, { upstream: 'a.io', repository: 'b', platform });
  return decision.isAllowed ? decision.dependsOnPlatform : decision.why;
}

test('a rule about platforms applies to known platforms, and reports that it depends on them', () => {
  const noWindows = [rule('deny', ['**'], { platforms: ['windows/*'] })];
  assert.equal(answerOf(noWindows, 'allow'), true);
  assert.equal(answerOf(noWindows, 'allow', 'linux/amd64'), true);
  assert.equal(answerOf(noWindows, 'allow', 'windows/amd64'), 'rule 1 denies a.io/b of windows/amd64');
  const two = [rule('allow', ['**'], { platforms: ['linux/amd64', 'linux/arm'] })];
  assert.equal(answerOf(two, 'deny'), true);
  assert.equal(answerOf(two, 'deny', 'linux/arm/v7'), true);
  assert.equal(answerOf(two, 'deny', 'linux/amd64'), true);
  assert.equal(answerOf(two, 'deny', 'linux/arm64'), 'no rule allows a.io/b of linux/arm64');
  // No platform lookup is needed if another rule decides first.
  assert.equal(answerOf([rule('allow', ['a.io/**']), ...noWindows], 'allow'), false);
  assert.equal(answerOf([rule('deny', ['c.io/**'], { platforms: ['linux/*'] })], 'allow'), false);
});

test('a denial has a reason for the log, and the reason of the operator for the client', () => {
  const attempt = { upstream: 'a.io', repository: 'b' };
  const caller = { identity: anonymous, clientIp: '192.0.2.1' };
  assert.deepEqual(
    createAuthorize({ rules: [rule('deny', ['a.io/**'], { reason: 'use c.io' })], fallback: 'allow' })(caller, attempt),
    { isAllowed: false, why: 'rule 1 denies a.io/b', reason: 'use c.io' },
  );
  assert.deepEqual(createAuthorize({ rules: [], fallback: 'deny' })(caller, attempt), {
    isAllowed: false,
    why: 'no rule allows a.io/b',
  });
  assert.deepEqual(createAuthorize(everything)({ ...caller, identity: { ...anonymous, grants: [] } }, attempt), {
    isAllowed: false,
    why: "the caller's grants do not include a.io/b",
  });
});
