import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authorize } from './authorize.ts';

const may = (grants: readonly string[] | undefined, upstream: string, repository: string) =>
  authorize({ name: 'x', method: 'password', grants }, { upstream, repository }).isAllowed;

test('without grants everything is allowed, with none nothing', () => {
  assert.ok(may(undefined, 'docker.io', 'library/nginx'));
  assert.ok(!may([], 'docker.io', 'library/nginx'));
});

test('grants are globs of upstream and repository', () => {
  for (const [pattern, name, expected] of [
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
  ] as const) {
    const slash = name.indexOf('/');
    assert.equal(may([pattern], name.slice(0, slash), name.slice(slash + 1)), expected, `${pattern} ${name}`);
  }
});

test('a denial says why', () => {
  const decision = authorize({ name: 'x', method: 'password', grants: [] }, { upstream: 'a.io', repository: 'b' });
  assert.deepEqual(decision, { isAllowed: false, why: 'its grants do not have a.io/b' });
});
