import assert from 'node:assert/strict';
import test from 'node:test';
import { parseDigest, parseRepositoryName, parseTag } from '@cistern/oci';
import {
  blobKey,
  issuerKeysKey,
  linksObjectKey,
  linksObjectsOf,
  parseLinksObjectKey,
  parsePinKey,
  parseRobotKey,
  parseTagObjectKey,
  parseTokenKeyKey,
  pinKey,
  registryLayerLinkKey,
  registryRevisionLinkKey,
  registryTagLinkKey,
  robotKey,
  tagObjectKey,
  tokenKeyKey,
  parseObjectKey,
} from './key-layout.ts';

const hex = 'ab12'.padEnd(64, '0');
const digest = parseDigest(`sha256:${hex}`);
const repository = parseRepositoryName('library/nginx');
const tag = parseTag('1.27-alpine');

test('keys follow the layout of distribution and of our own objects', () => {
  assert.equal(blobKey(digest), `docker/registry/v2/blobs/sha256/ab/${hex}/data`);
  assert.equal(blobKey(parseDigest(`sha512:${hex}${hex}`)), `docker/registry/v2/blobs/sha512/ab/${hex}${hex}/data`);
  assert.equal(
    tagObjectKey({ upstream: 'localhost:5000', repository, tag }),
    'cistern/tags/localhost:5000/library/nginx/_tags/1.27-alpine.json',
  );
  assert.equal(
    linksObjectKey('docker.io', repository, digest),
    `cistern/links/docker.io/library/nginx/sha256:${hex}.json`,
  );
  const manifests = 'docker/registry/v2/repositories/library/nginx/_manifests';
  assert.equal(registryTagLinkKey(repository, tag), `${manifests}/tags/1.27-alpine/current/link`);
  assert.equal(registryRevisionLinkKey(repository, digest), `${manifests}/revisions/sha256/${hex}/link`);
  assert.equal(
    registryLayerLinkKey(repository, digest),
    `docker/registry/v2/repositories/library/nginx/_layers/sha256/${hex}/link`,
  );
});

test('every key is a valid object key', () => {
  for (const key of [
    blobKey(digest),
    tagObjectKey({ upstream: 'docker.io', repository, tag }),
    linksObjectKey('docker.io', repository, digest),
    registryTagLinkKey(repository, tag),
    registryRevisionLinkKey(repository, digest),
    registryLayerLinkKey(repository, digest),
  ])
    assert.ok(parseObjectKey(key).length > 3);
});

test('no tag object is a directory of another repository’s objects', () => {
  const one = tagObjectKey({ upstream: 'u', repository: parseRepositoryName('a/b.json'), tag: parseTag('c') });
  const two = tagObjectKey({ upstream: 'u', repository: parseRepositoryName('a'), tag: parseTag('b') });
  assert.ok(!one.startsWith(`${two}/`));
});

test('an upstream name of more than one path component is rejected', () => {
  for (const upstream of ['', '.', '..', 'a/b', '../a', 'a\\b', 'a\u0000'])
    for (const build of [
      () => tagObjectKey({ upstream, repository, tag }),
      () => linksObjectKey(upstream, repository, digest),
    ])
      assert.throws(build, TypeError, JSON.stringify(upstream));
});

test('parsers return the names in our own keys, and undefined for other keys', () => {
  for (const name of ['a', 'a/b.json', 'links/x/tags', 'library/nginx']) {
    const key = { upstream: 'localhost:5000', repository: parseRepositoryName(name) };
    assert.deepEqual(parseTagObjectKey(tagObjectKey({ ...key, tag })), { ...key, tag });
    const objectKey = linksObjectKey(key.upstream, key.repository, digest);
    assert.deepEqual(parseLinksObjectKey(objectKey), { ...key, digest });
    assert.ok(objectKey.startsWith(linksObjectsOf(key.upstream, key.repository)));
    for (const reference of [
      { kind: 'tag', tag },
      { kind: 'digest', digest },
    ] as const)
      assert.deepEqual(parsePinKey(pinKey({ ...key, reference })), { ...key, reference });
  }
  for (const stray of [
    'cistern/tags/docker.io/_tags/1.json',
    'cistern/tags/docker.io/a/_tags/1',
    'cistern/tags/docker.io/a/_tags/-.json',
    'cistern/tags/docker.io/A/_tags/1.json',
    'cistern/links/docker.io/a/sha256:ab.json',
    `cistern/links/docker.io/${digest}.json`,
    `cistern/links/docker.io/a//${digest}.json`,
    'cistern/state/pins/docker.io/a/1.json',
    'cistern/state/pins/docker.io/_tags/1.json',
    'cistern/state/pins/docker.io/a/_tags/-.json',
    `other/links/docker.io/a/${digest}.json`,
    '',
  ])
    assert.deepEqual(
      [parseTagObjectKey(stray), parseLinksObjectKey(stray), parsePinKey(stray)],
      [undefined, undefined, undefined],
      stray,
    );
});

test('robots and token keys have separate prefixes, and their ids must not be paths', () => {
  assert.equal(robotKey('0a1b'), 'cistern/state/robots/0a1b.json');
  assert.equal(tokenKeyKey('0a-1b'), 'cistern/state/token-keys/0a-1b.json');
  assert.equal(issuerKeysKey('github'), 'cistern/state/issuer-keys/github.json');
  assert.equal(parseRobotKey(robotKey('0a1b')), '0a1b');
  assert.equal(parseTokenKeyKey(tokenKeyKey('0a-1b')), '0a-1b');
  for (const key of [
    tokenKeyKey('0a'),
    'cistern/state/robots/A.json',
    'cistern/state/robots/a/b.json',
    'cistern/state/robots/a',
  ])
    assert.equal(parseRobotKey(key), undefined, key);
  for (const id of ['', '..', 'a/b', 'A', 'a.b', '-a'])
    for (const keyOf of [robotKey, tokenKeyKey, issuerKeysKey]) assert.throws(() => keyOf(id), TypeError, id);
});
