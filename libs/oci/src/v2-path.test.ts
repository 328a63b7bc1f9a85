import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OciSyntaxError } from './syntax-error.ts';
import { parseV2Path, splitFirstComponent, type V2Path } from './v2-path.ts';

const hex = 'a'.repeat(64);
const digest = `sha256:${hex}`;

function rejects(path: string, code: string): void {
  assert.throws(
    () => parseV2Path(path),
    (error) => error instanceof OciSyntaxError && error.code === code,
    path,
  );
}

function tagged(name: string, tag: string): unknown {
  return { endpoint: 'manifest', name, reference: { kind: 'tag', tag } };
}

test('every endpoint of the pull API is parsed into a value', () => {
  const cases: [string, unknown][] = [
    ['/v2', { endpoint: 'ping' }],
    ['/v2/', { endpoint: 'ping' }],
    ['/v2/_catalog', { endpoint: 'catalog' }],
    ['/v2/library/nginx/manifests/1.27', tagged('library/nginx', '1.27')],
    [
      `/v2/library/nginx/manifests/${digest}`,
      { endpoint: 'manifest', name: 'library/nginx', reference: { kind: 'digest', digest } },
    ],
    [`/v2/nginx/blobs/${digest}`, { endpoint: 'blob', name: 'nginx', digest }],
    [
      `/v2/nginx/blobs/sha512:${'0'.repeat(128)}`,
      { endpoint: 'blob', name: 'nginx', digest: `sha512:${'0'.repeat(128)}` },
    ],
    ['/v2/a/b/tags/list', { endpoint: 'tags-list', name: 'a/b' }],
    [`/v2/a/b/referrers/${digest}`, { endpoint: 'referrers', name: 'a/b', digest }],
    ['/v2/a/b/blobs/uploads', { endpoint: 'upload', name: 'a/b' }],
    ['/v2/a/b/blobs/uploads/', { endpoint: 'upload', name: 'a/b' }],
    ['/v2/a/b/blobs/uploads/5f1c-00', { endpoint: 'upload', name: 'a/b' }],
  ];
  for (const [path, expected] of cases) assert.deepEqual(parseV2Path(path), expected, path);
});

test('one component before /v2 is returned as the prefix', () => {
  const cases: [string, unknown][] = [
    ['/docker.io/v2', { endpoint: 'ping', prefix: 'docker.io' }],
    ['/localhost:5000/v2/', { endpoint: 'ping', prefix: 'localhost:5000' }],
    ['/hub/v2/_catalog', { endpoint: 'catalog', prefix: 'hub' }],
    ['/127.0.0.1:5000/v2/x/tags/list', { endpoint: 'tags-list', name: 'x', prefix: '127.0.0.1:5000' }],
    ['/ghcr.io/v2/nope', { endpoint: 'unknown', prefix: 'ghcr.io' }],
    // The repository `v2`, not a prefix of that name.
    ['/v2/v2/tags/list', { endpoint: 'tags-list', name: 'v2' }],
    ['/v2/v2/v2/tags/list', { endpoint: 'tags-list', name: 'v2/v2' }],
  ];
  for (const [path, expected] of cases) assert.deepEqual(parseV2Path(path), expected, path);
});

test('the first component of a name may be a host, and no other may', () => {
  assert.deepEqual(parseV2Path('/v2/ghcr.io/foo/bar/manifests/x'), tagged('ghcr.io/foo/bar', 'x'));
  assert.deepEqual(parseV2Path('/v2/localhost:5000/foo/manifests/x'), tagged('localhost:5000/foo', 'x'));
  rejects('/v2/foo/localhost:5000/manifests/x', 'NAME_INVALID');
  rejects('/v2/foo/Bar/manifests/x', 'NAME_INVALID');
});

test('a name may contain the words of the API', () => {
  assert.deepEqual(parseV2Path('/v2/a/manifests/manifests/manifests'), tagged('a/manifests', 'manifests'));
  assert.deepEqual(parseV2Path('/v2/a/blobs/uploads/manifests/x'), tagged('a/blobs/uploads', 'x'));
  assert.deepEqual(parseV2Path('/v2/a/tags/tags/list'), { endpoint: 'tags-list', name: 'a/tags' });
  assert.deepEqual(parseV2Path('/v2/tags/manifests/list'), tagged('tags', 'list'));
  assert.deepEqual(parseV2Path(`/v2/blobs/blobs/${digest}`), { endpoint: 'blob', name: 'blobs', digest });
});

test('a path that is not an endpoint is unknown', () => {
  const paths = [
    '',
    '/',
    'v2/',
    '/v1/',
    '/v20/',
    '/v2x',
    '/healthz',
    '/a/b/v2/',
    '/v2//',
    '/v2/foo',
    '/v2/manifests/x',
  ];
  paths.push(
    '/v2/_catalog/',
    '/v2/a/tags/list/',
    '/v2/a/tags/other',
    '/v2/a/uploads/x',
    '/v2/a/b/c',
    '/v2/blobs/uploads/x',
  );
  for (const path of paths) assert.deepEqual(parseV2Path(path), { endpoint: 'unknown' }, path);
});

test('percent-encoding is decoded once', () => {
  assert.deepEqual(parseV2Path(`/v2/nginx/blobs/sha256%3A${hex}`), { endpoint: 'blob', name: 'nginx', digest });
  assert.deepEqual(parseV2Path('/localhost%3a5000/v2/'), { endpoint: 'ping', prefix: 'localhost:5000' });
  assert.deepEqual(parseV2Path('/v2/%6eginx/%6Danifests/1%2E0'), tagged('nginx', '1.0'));
  rejects(`/v2/nginx/blobs/sha256%253A${hex}`, 'DIGEST_INVALID');
  rejects('/v2/a%252Fb/manifests/x', 'NAME_INVALID');
});

test('unsafe components are rejected with the error code of their part', () => {
  const components = [
    '',
    '.',
    '..',
    '%2e%2e',
    'a%2fb',
    'a%2Fb',
    'a%00',
    'a\0',
    'a\\b',
    'a%5Cb',
    'é',
    '%C3%A9',
    'a%',
    'a%zz',
    '%ff',
  ];
  components.push(
    'a b',
    'a+b',
    'a?b',
    'a#b',
    'a..b',
    '-a',
    'a-',
    '.a',
    'a.',
    '_a',
    'a___b',
    ':a',
    'a:',
    '\u{d800}',
    'a\n',
  );
  for (const component of components) {
    rejects(`/v2/${component}/manifests/x`, 'NAME_INVALID');
    rejects(`/v2/a/${component}/b/tags/list`, 'NAME_INVALID');
    rejects(`/v2/a/${component}/blobs/${digest}`, 'NAME_INVALID');
    rejects(`/v2/a/${component}/blobs/uploads/`, 'NAME_INVALID');
    rejects(`/${component}/v2/a/tags/list`, 'NAME_INVALID');
    rejects(`/v2/a/blobs/${component}`, 'DIGEST_INVALID');
    rejects(`/v2/a/referrers/${component}`, 'DIGEST_INVALID');
  }
  for (const tag of ['', '.', '..', '%2e%2e', 'a%2fb', 'a%00', 'a\\b', 'é', 'a%', '-a', 'a b', 'x'.repeat(129)])
    rejects(`/v2/a/manifests/${tag}`, 'TAG_INVALID');
  for (const reference of [
    'sha256:',
    `sha256:${hex}0`,
    `sha256:${'A'.repeat(64)}`,
    `md5:${hex}`,
    'a:b',
    'sha256%3Aa%2Fb',
  ])
    rejects(`/v2/a/manifests/${reference}`, 'DIGEST_INVALID');
});

test('a name of 255 characters is accepted, and a longer one is rejected', () => {
  assert.equal(parseV2Path(`/v2/${'a'.repeat(255)}/tags/list`).endpoint, 'tags-list');
  rejects(`/v2/${'a'.repeat(256)}/tags/list`, 'NAME_INVALID');
  rejects(`/v2/${'a/'.repeat(200)}a/manifests/x`, 'NAME_INVALID');
  rejects(`/${'a'.repeat(256)}/v2/`, 'NAME_INVALID');
});

test('hostile repetitions take linear time', () => {
  const began = process.cpuUsage();
  for (const unit of [
    'a',
    '-',
    'a-',
    '_',
    'a_',
    '__a',
    '/',
    'a/',
    '%41',
    '%',
    '.',
    'a.b/',
    '/v2',
    '/manifests',
    'blobs/',
  ]) {
    for (const tail of ['!', '/manifests/x', '/tags/list', `/blobs/${digest}`]) {
      for (const length of [200, 254, 300_000]) {
        try {
          parseV2Path(`/v2/${unit.repeat(length / unit.length)}${tail}`);
        } catch (error) {
          assert.ok(error instanceof OciSyntaxError);
        }
      }
    }
  }
  // It takes well under a second. Quadratic time would take minutes.
  assert.ok(process.cpuUsage(began).user < 30_000_000);
});

test('any input gives a safe value or an OciSyntaxError', () => {
  const random = seededRandom(20_260_101);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const paths = ['/v2/', '/v2/_catalog', '/v2/a/b/manifests/1.0', `/v2/a/blobs/${digest}`, '/v2/ghcr.io/a/tags/list'];
  paths.push(`/v2/a/referrers/sha256%3A${hex}`, '/v2/a/blobs/uploads/', '/localhost:5000/v2/a/tags/list', '/', '');
  const pieces = [
    '/',
    '//',
    'v2',
    '/v2/',
    'manifests',
    'blobs',
    'tags',
    'list',
    'uploads',
    'referrers',
    '_catalog',
    'sha512:',
  ];
  pieces.push(
    '%',
    '%2F',
    '%2e',
    '%00',
    '%c3',
    '..',
    '.',
    '\\',
    '\0',
    'é',
    '\u{d800}',
    '\u{1f4a9}',
    ' ',
    '\r\n',
    digest,
  );
  pieces.push('a', 'Z', '0', '-', '_', '__', ':', '@', '?', '#', 'ghcr.io', 'localhost:5000', 'x'.repeat(130));
  const safeName = /^[a-zA-Z0-9._:-]+(?:\/[a-z0-9._-]+)*$/;
  const seen = new Set<V2Path['endpoint'] | 'error'>();
  for (let round = 0; round < 60_000; round += 1) {
    let path = pick(paths);
    for (let changes = Math.floor(random() * 5); changes > 0; changes -= 1) {
      const at = Math.floor(random() * (path.length + 1));
      path = path.slice(0, at) + pick(pieces) + path.slice(at + pick([0, 0, 1, 5]));
    }
    try {
      const parsed = parseV2Path(path);
      seen.add(parsed.endpoint);
      for (const name of ['name' in parsed ? parsed.name : 'a', parsed.prefix ?? 'a']) {
        assert.match(name, safeName, JSON.stringify(path));
        assert.ok(!name.includes('..') && name.length <= 255, JSON.stringify(path));
      }
    } catch (error) {
      assert.ok(error instanceof OciSyntaxError, `${JSON.stringify(path)}: ${String(error)}`);
      seen.add('error');
    }
  }
  assert.equal(seen.size, 9, 'every endpoint and the error occurred');
});

test('the first component is split off', () => {
  assert.deepEqual(splitFirstComponent('ghcr.io/foo/bar'), { first: 'ghcr.io', rest: 'foo/bar' });
  assert.deepEqual(splitFirstComponent('nginx'), { first: 'nginx', rest: undefined });
});

/** Mulberry32: the same numbers in every run. */
function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
