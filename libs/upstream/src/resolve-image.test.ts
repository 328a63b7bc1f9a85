import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { OciSyntaxError } from '@cistern/oci';
import { resolveImage, fullNameOf } from './resolve-image.ts';
import { createUpstreamTable } from './upstream-table.ts';

const table = createUpstreamTable([
  { name: 'docker.io', isDefault: true },
  { name: 'quay.io' },
  { name: 'localhost:5000', aliases: ['local'] },
]);
const digest = `sha256:${'a'.repeat(64)}`;

function resolve(text: string): readonly string[] {
  const { upstream, repository, reference } = resolveImage(table, text);
  return [upstream, repository, reference.kind === 'tag' ? reference.tag : reference.digest];
}

test('short and full image names are resolved', () => {
  assert.deepEqual(resolve('nginx'), ['docker.io', 'library/nginx', 'latest']);
  assert.deepEqual(resolve('bitnami/redis:7.4'), ['docker.io', 'bitnami/redis', '7.4']);
  assert.deepEqual(resolve('index.docker.io/library/nginx:1'), ['docker.io', 'library/nginx', '1']);
  assert.deepEqual(resolve('quay.io/a/b/c:v1'), ['quay.io', 'a/b/c', 'v1']);
  assert.deepEqual(resolve('localhost:5000/app'), ['localhost:5000', 'app', 'latest']);
  assert.deepEqual(resolve('local/app:2'), ['localhost:5000', 'app', '2']);
  assert.deepEqual(resolve(`nginx@${digest}`), ['docker.io', 'library/nginx', digest]);
  assert.deepEqual(resolve(`quay.io/a/b:v1@${digest}`), ['quay.io', 'a/b', digest]);
});

test('an unknown registry and an invalid name are rejected', () => {
  assert.throws(
    () => resolve('example.com/app'),
    (error) => isCacheError(error, 'name-unknown'),
  );
  for (const text of ['', 'Nginx', 'nginx:', 'nginx@sha256:1', 'a//b', 'nginx:a:b'])
    assert.throws(() => resolve(text), OciSyntaxError, text);
});

const twoUpstreams = createUpstreamTable([{ name: 'docker.io', isDefault: true }, { name: 'registry.test:5000' }]);

test('a full name resolves to the same image', () => {
  const names = ['nginx', 'index.docker.io/nginx:1', `registry.test:5000/a/b@sha256:${'a'.repeat(64)}`];
  const full = names.map((name) => fullNameOf(resolveImage(twoUpstreams, name)));
  assert.deepEqual(full, ['docker.io/library/nginx:latest', 'docker.io/library/nginx:1', names[2]]);
  assert.deepEqual(
    full.map((name) => fullNameOf(resolveImage(twoUpstreams, name))),
    full,
  );
});
