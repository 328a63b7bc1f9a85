import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CacheErrorKind, isCacheError } from '@cistern/errors';
import { OciSyntaxError } from '@cistern/oci';
import { createUpstreamTable, type RequestName } from './upstream-table.ts';

const table = createUpstreamTable([
  { name: 'docker.io', isDefault: true },
  { name: 'quay.io', aliases: ['quay'], hosts: ['quay.cache.example.com'] },
  { name: 'ghcr.io' },
  { name: 'localhost:5000' },
]);

const resolved: readonly [title: string, request: RequestName, expected: string][] = [
  ['a bare name selects the default', { name: 'grafana/loki' }, 'docker.io grafana/loki mirror'],
  ['an official image gets its namespace', { name: 'nginx' }, 'docker.io library/nginx mirror'],
  ['a namespace is not doubled', { name: 'library/nginx' }, 'docker.io library/nginx mirror'],
  ['ns wins over the default', { ns: 'ghcr.io', name: 'a/b' }, 'ghcr.io a/b mirror'],
  ['ns is matched in any case', { ns: 'GHCR.io', name: 'a/b' }, 'ghcr.io a/b mirror'],
  ['ns may have a port', { ns: 'localhost:5000', name: 'a' }, 'localhost:5000 a mirror'],
  ['ns may be an alias of Docker Hub', { ns: 'registry-1.docker.io', name: 'nginx' }, 'docker.io library/nginx mirror'],
  ['ns may be another alias of Docker Hub', { ns: 'index.docker.io', name: 'nginx' }, 'docker.io library/nginx mirror'],
  ['only Docker Hub has official images', { ns: 'quay.io', name: 'nginx' }, 'quay.io nginx mirror'],
  ['the Host header selects its upstream', { host: 'quay.cache.example.com:5000', name: 'a/b' }, 'quay.io a/b mirror'],
  ['an unknown Host selects the default', { host: 'cache.example.com', name: 'a/b' }, 'docker.io a/b mirror'],
  ['ns wins over Host', { ns: 'ghcr.io', host: 'quay.cache.example.com', name: 'a/b' }, 'ghcr.io a/b mirror'],
  ['a prefix in the name selects its upstream', { name: 'quay.io/a/b' }, 'quay.io a/b prefix'],
  ['a prefix in the name may be an alias', { name: 'quay/a/b' }, 'quay.io a/b prefix'],
  ['a prefix may have a port', { name: 'localhost:5000/a' }, 'localhost:5000 a prefix'],
  [
    'an official image after a prefix gets its namespace',
    { name: 'docker.io/nginx' },
    'docker.io library/nginx prefix',
  ],
  ['a prefix alone is a repository', { name: 'quay' }, 'docker.io library/quay mirror'],
  ['an unknown first component belongs to the name', { name: 'gcr.io/a/b' }, 'docker.io gcr.io/a/b mirror'],
  ['a path prefix selects its upstream', { pathPrefix: 'quay.io', name: 'a/b' }, 'quay.io a/b prefix'],
  [
    'an official image after a path prefix gets its namespace',
    { pathPrefix: 'docker.io', name: 'nginx' },
    'docker.io library/nginx prefix',
  ],
  [
    'prefix and ns agree, as from BuildKit',
    { ns: 'ghcr.io', name: 'ghcr.io/library/multi' },
    'ghcr.io library/multi mirror',
  ],
  ['path prefix and ns agree by alias', { ns: 'quay.io', pathPrefix: 'quay', name: 'a' }, 'quay.io a mirror'],
  ['an organisation may have the name of an alias', { ns: 'ghcr.io', name: 'quay/a' }, 'ghcr.io quay/a mirror'],
];

for (const [title, request, expected] of resolved)
  test(`upstream table: ${title}`, () => {
    const { upstream, repository, mode } = table.resolve(request);
    assert.equal(`${upstream} ${repository} ${mode}`, expected);
  });

const refused: readonly [title: string, request: RequestName, kind: CacheErrorKind][] = [
  ['an unknown ns', { ns: 'evil.example.com', name: 'a/b' }, 'name-unknown'],
  ['an empty ns', { ns: '', name: 'a/b' }, 'name-unknown'],
  ['ns with a port that is not in the table', { ns: 'quay.io:8443', name: 'a/b' }, 'name-unknown'],
  ['an unknown path prefix', { pathPrefix: 'mirror', name: 'a/b' }, 'name-unknown'],
  ['ns and a prefix in the name', { ns: 'ghcr.io', name: 'quay.io/a/b' }, 'name-invalid'],
  ['ns and a path prefix', { ns: 'ghcr.io', pathPrefix: 'quay.io', name: 'a/b' }, 'name-invalid'],
  ['Host and a prefix', { host: 'quay.cache.example.com', name: 'ghcr.io/a/b' }, 'name-invalid'],
  ['a path prefix and one in the name', { pathPrefix: 'quay.io', name: 'ghcr.io/a/b' }, 'name-invalid'],
];

for (const [title, request, kind] of refused)
  test(`upstream table: ${title} is ${kind}`, () =>
    assert.throws(
      () => table.resolve(request),
      (error) => isCacheError(error, kind),
    ));

test('upstream table: the rest of the name must obey the grammar', () =>
  assert.throws(() => table.resolve({ name: 'quay.io/A' }), OciSyntaxError));

test('upstream table: a single upstream is the default, and its prefixes work', () => {
  const only = createUpstreamTable([{ name: 'docker.io' }]);
  assert.equal(only.resolve({ name: 'nginx' }).repository, 'library/nginx');
  assert.equal(only.resolve({ name: 'docker.io/nginx' }).repository, 'library/nginx');
  assert.equal(only.resolve({ pathPrefix: 'index.docker.io', name: 'a/b' }).upstream, 'docker.io');
});

const isUnknown = (error: unknown) => isCacheError(error, 'name-unknown');

const single = createUpstreamTable([{ name: 'registry.example.com', takesAnyNamespace: true }]);

const ofSingle: readonly [title: string, request: RequestName, expected: string][] = [
  ['an unknown ns means the only upstream', { ns: 'docker.io', name: 'acme/app' }, 'acme/app mirror'],
  ['an empty ns means the only upstream', { ns: '', name: 'acme/app' }, 'acme/app mirror'],
  ['no namespace is added for an ns of Docker Hub', { ns: 'docker.io', name: 'nginx' }, 'nginx mirror'],
  ['an unknown prefix is part of the name', { ns: 'docker.io', name: 'docker.io/a/b' }, 'docker.io/a/b mirror'],
  ['its own prefix is removed', { ns: 'docker.io', name: 'registry.example.com/a/b' }, 'a/b mirror'],
  [
    'its own path prefix is removed',
    { ns: 'docker.io', pathPrefix: 'registry.example.com', name: 'a/b' },
    'a/b mirror',
  ],
  ['its own ns is known', { ns: 'Registry.Example.com', name: 'acme/app' }, 'acme/app mirror'],
];

for (const [title, request, expected] of ofSingle)
  test(`upstream table with one upstream for any ns: ${title}`, () => {
    const { upstream, repository, mode } = single.resolve(request);
    assert.equal(upstream, 'registry.example.com');
    assert.equal(`${repository} ${mode}`, expected);
  });

test('upstream table with one upstream for any ns: other names stay unknown', () => {
  assert.throws(() => single.resolve({ pathPrefix: 'docker.io', name: 'a/b' }), isUnknown);
  assert.throws(() => single.nameOf('docker.io'), isUnknown);
  const two = createUpstreamTable([{ name: 'a.io', isDefault: true, takesAnyNamespace: true }, { name: 'b.io' }]);
  assert.throws(() => two.resolve({ ns: 'docker.io', name: 'a/b' }), isUnknown);
});

test('upstream table: without a default upstream a name without an upstream is unknown', () => {
  const bare = createUpstreamTable([{ name: 'quay.io' }, { name: 'ghcr.io' }]);
  assert.throws(
    () => bare.resolve({ name: 'a/b' }),
    (error) => isCacheError(error, 'name-unknown') && error.message.includes('quay.io, ghcr.io'),
  );
});

test('upstream table: a name of two upstreams and a second default are rejected', () => {
  assert.throws(
    () => createUpstreamTable([{ name: 'a.io' }, { name: 'b.io', aliases: ['A.io'] }]),
    /both a\.io and b\.io/,
  );
  assert.throws(
    () =>
      createUpstreamTable([
        { name: 'a.io', isDefault: true },
        { name: 'b.io', isDefault: true },
      ]),
    /Only one upstream/,
  );
});
