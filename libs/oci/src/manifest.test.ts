import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Digest, digestOf } from './names.ts';
import { parseManifest } from './manifest.ts';
import { mediaTypes } from './media-types.ts';
import { OciSyntaxError } from './syntax-error.ts';

const layerType = 'application/vnd.oci.image.layer.v1.tar+gzip';
const configType = 'application/vnd.oci.image.config.v1+json';

function digest(of: string): Digest {
  return digestOf(Buffer.from(of));
}

function bytesOf(body: unknown): Buffer {
  return Buffer.from(JSON.stringify(body));
}

const config = { mediaType: configType, digest: digest('config'), size: 7 };
const layer = { mediaType: layerType, digest: digest('layer'), size: 5 };
const amd64 = { mediaType: mediaTypes.ociManifest, digest: digest('amd64'), size: 500 };
const image = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [layer] };
const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [amd64] };

function nested(depth: number): Buffer {
  return Buffer.from(`{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`);
}

/** Yields copies of `value` with one nested value replaced. */
function* replacements(value: unknown, by: unknown): Generator {
  yield by;
  if (Array.isArray(value)) {
    for (const [at, item] of value.entries()) for (const other of replacements(item, by)) yield value.with(at, other);
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, item] of Object.entries(value))
      for (const other of replacements(item, by)) yield { ...value, [name]: other };
  }
}

function rejects(bytes: Uint8Array, message: RegExp, contentType?: string): void {
  assert.throws(
    () => parseManifest(bytes, contentType),
    (error) => error instanceof OciSyntaxError && error.code === 'MANIFEST_INVALID' && message.test(error.message),
    String(message),
  );
}

test('an image has its config and then its layers as children', () => {
  const other = { ...layer, digest: digest('other') };
  for (const mediaType of [mediaTypes.ociManifest, mediaTypes.dockerManifest])
    assert.deepEqual(parseManifest(bytesOf({ ...image, mediaType, layers: [layer, other] })), {
      kind: 'image',
      mediaType,
      children: [
        { ...config, role: 'config' },
        { ...layer, role: 'layer' },
        { ...other, role: 'layer' },
      ],
    });
});

test('an index has manifests as children, with their platforms', () => {
  const platform = { os: 'linux', architecture: 'arm64', variant: 'v8' };
  const arm64 = { ...amd64, digest: digest('arm64'), platform: { ...platform, 'os.version': '1' } };
  for (const mediaType of [mediaTypes.ociIndex, mediaTypes.dockerManifestList])
    assert.deepEqual(parseManifest(bytesOf({ ...index, mediaType, manifests: [amd64, arm64] })), {
      kind: 'index',
      mediaType,
      children: [
        { ...amd64, role: 'manifest' },
        { ...arm64, role: 'manifest', platform },
      ],
    });
});

test('a platform without names is left out', () => {
  for (const platform of [null, {}, { os: '', architecture: '' }, { os: 'linux' }]) {
    const [child] = parseManifest(bytesOf({ ...index, manifests: [{ ...amd64, platform }] })).children;
    assert.deepEqual(child, { ...amd64, role: 'manifest' });
  }
});

test('schema 1 has layers of unknown size, each once', () => {
  const fsLayers = ['top', 'empty', 'empty', 'base'].map((name) => ({ blobSum: digest(name) }));
  const body = {
    schemaVersion: 1,
    name: 'a/b',
    tag: 'x',
    architecture: 'amd64',
    fsLayers,
    history: [],
    signatures: [{}],
  };
  const manifest = parseManifest(bytesOf(body), `${mediaTypes.dockerSchema1Signed}; charset=utf-8`);
  assert.equal(manifest.kind, 'schema1');
  assert.equal(manifest.mediaType, mediaTypes.dockerSchema1Signed);
  assert.deepEqual(
    manifest.children.map((child) => [child.role, child.digest, child.size]),
    ['top', 'empty', 'base'].map((name) => ['layer', digest(name), undefined]),
  );
});

test('an artifact manifest of the release candidate has blobs', () => {
  const body = { mediaType: mediaTypes.ociArtifact, artifactType: 'application/x', blobs: [layer], subject: amd64 };
  assert.deepEqual(parseManifest(bytesOf(body)), {
    kind: 'other',
    mediaType: mediaTypes.ociArtifact,
    children: [{ ...layer, role: 'blob' }],
    subject: amd64,
    artifactType: 'application/x',
  });
  assert.deepEqual(parseManifest(bytesOf({ mediaType: mediaTypes.ociArtifact })).children, []);
});

test('subject and artifact type are returned', () => {
  const body = { ...image, subject: { ...amd64, annotations: {} }, artifactType: 'application/vnd.example' };
  const manifest = parseManifest(bytesOf(body));
  assert.deepEqual(manifest.subject, amd64);
  assert.equal(manifest.artifactType, 'application/vnd.example');
  assert.deepEqual(Object.keys(parseManifest(bytesOf({ ...image, subject: null, artifactType: '' }))), [
    'kind',
    'mediaType',
    'children',
  ]);
});

test('the media type comes from the body, else the Content-Type, else the shape', () => {
  const mediaTypeFor = (body: object, contentType?: string): string =>
    parseManifest(bytesOf(body), contentType).mediaType;
  const { mediaType: _index, ...bareIndex } = index;
  const { mediaType: _image, ...bareImage } = image;
  assert.equal(mediaTypeFor(image, mediaTypes.dockerManifest), mediaTypes.ociManifest);
  assert.equal(mediaTypeFor(bareImage, `${mediaTypes.dockerManifest};charset=utf-8`), mediaTypes.dockerManifest);
  for (const contentType of [
    undefined,
    '',
    'text/plain; charset=utf-8',
    'application/json',
    'application/octet-stream',
  ]) {
    assert.equal(mediaTypeFor(bareIndex, contentType), mediaTypes.ociIndex);
    assert.equal(mediaTypeFor({ ...bareImage, mediaType: '' }, contentType), mediaTypes.ociManifest);
    assert.equal(mediaTypeFor({ schemaVersion: 1, fsLayers: [] }, contentType), mediaTypes.dockerSchema1);
    assert.equal(
      mediaTypeFor({ schemaVersion: 1, fsLayers: [], signatures: [] }, contentType),
      mediaTypes.dockerSchema1Signed,
    );
  }
  rejects(bytesOf({ ...bareIndex, ...bareImage }), /both manifests and layers/);
});

test('a manifest of an unknown type is accepted without children', () => {
  const mediaType = 'application/vnd.example.thing+json';
  const other = { kind: 'other', children: [] };
  assert.deepEqual(parseManifest(bytesOf({ ...image, mediaType })), { ...other, mediaType });
  assert.deepEqual(parseManifest(bytesOf({ config: 1, layers: 'x' }), mediaType), { ...other, mediaType });
  assert.deepEqual(parseManifest(bytesOf({ schemaVersion: 3 })), { ...other, mediaType: 'application/json' });
  assert.deepEqual(parseManifest(bytesOf({ a: 1 }), 'text/plain'), { ...other, mediaType: 'text/plain' });
});

test('a layer with urls or a nondistributable type is foreign', () => {
  const nondistributable = 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip';
  const layers = [
    { ...layer, digest: digest('a'), urls: ['https://example.com/layer'] },
    { ...layer, digest: digest('b'), mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip' },
    { ...layer, digest: digest('c'), mediaType: nondistributable },
    { ...layer, digest: digest('d'), urls: [] },
    { ...layer, digest: digest('e'), urls: null },
  ];
  assert.deepEqual(
    parseManifest(bytesOf({ ...image, layers })).children.map((child) => child.foreign),
    [undefined, true, true, true, undefined, undefined],
  );
});

test('a repeated digest is kept once, in its first role', () => {
  const empty = { mediaType: 'application/vnd.oci.empty.v1+json', digest: digest('{}'), size: 2 };
  assert.deepEqual(parseManifest(bytesOf({ ...image, config: empty, layers: [empty, layer, layer] })).children, [
    { ...empty, role: 'config' },
    { ...layer, role: 'layer' },
  ]);
});

test('a list that Go wrote as null is empty', () => {
  assert.deepEqual(parseManifest(bytesOf({ ...index, manifests: null })).children, []);
  assert.equal(parseManifest(bytesOf({ ...image, layers: null })).children.length, 1);
});

test('an invalid manifest is rejected with the reason', () => {
  const cases: [unknown, RegExp][] = [
    [[], /not a JSON object/],
    [null, /not a JSON object/],
    ['x', /not a JSON object/],
    [{ ...image, mediaType: 7 }, /mediaType is not a string/],
    [{ ...image, mediaType: 'a\r\nb: c' }, /mediaType is not a media type/],
    [{ ...image, artifactType: {} }, /artifactType is not a string/],
    [{ ...image, subject: 'x' }, /subject is not an object/],
    [{ ...image, subject: { ...amd64, size: -1 } }, /subject\.size/],
    [{ ...image, config: null }, /config is not an object/],
    [{ ...image, config: undefined }, /config is not an object/],
    [{ ...image, layers: undefined }, /layers is not an array/],
    [{ ...image, layers: {} }, /layers is not an array/],
    [{ ...image, layers: [layer, null] }, /layers\[1\] is not an object/],
    [{ ...image, layers: [[]] }, /layers\[0\] is not an object/],
    [{ ...image, layers: [{ ...layer, urls: 'x' }] }, /layers\[0\]\.urls is not an array/],
    [{ ...image, layers: [{ ...layer, mediaType: 'a\nb' }] }, /layers\[0\]\.mediaType/],
    [{ ...image, layers: [{ ...layer, mediaType: undefined }] }, /layers\[0\]\.mediaType/],
    [{ ...image, layers: [{ ...layer, digest: 'sha256:abc' }] }, /layers\[0\]\.digest/],
    [{ ...image, layers: [{ ...layer, digest: 7 }] }, /layers\[0\]\.digest/],
    [{ ...index, manifests: undefined }, /manifests is not an array/],
    [{ ...index, manifests: [{ ...amd64, platform: 'linux' }] }, /manifests\[0\]\.platform is not an object/],
    [{ ...index, manifests: [{ ...amd64, platform: { os: 7 } }] }, /manifests\[0\]\.platform\.os is not a string/],
    [{ schemaVersion: 1 }, /fsLayers is not an array/],
    [{ schemaVersion: 1, fsLayers: [7] }, /fsLayers\[0\] is not an object/],
    [{ schemaVersion: 1, fsLayers: [{ blobSum: 'x' }] }, /fsLayers\[0\]\.blobSum/],
    [{ mediaType: mediaTypes.ociArtifact, blobs: 7 }, /blobs is not an array/],
  ];
  for (const size of [-1, 1.5, '5', null, undefined, 2 ** 53])
    cases.push([{ ...image, layers: [{ ...layer, size }] }, /layers\[0\]\.size is not a number of bytes/]);
  for (const [body, message] of cases) rejects(bytesOf(body), message);
});

test('a manifest with any one value replaced is parsed or rejected with an OciSyntaxError', () => {
  const platform = { os: 'linux', architecture: 'arm64', variant: 'v8' };
  const bodies = [
    { ...image, layers: [{ ...layer, urls: ['x'] }], subject: amd64, artifactType: 'a/b' },
    { ...index, manifests: [{ ...amd64, platform }] },
    { schemaVersion: 1, fsLayers: [{ blobSum: digest('x') }] },
    { mediaType: mediaTypes.ociArtifact, blobs: [layer] },
  ];
  const junk: unknown[] = [
    null,
    true,
    -1,
    1.5,
    '',
    '__proto__',
    [],
    [[]],
    [null],
    {},
    JSON.parse('{"__proto__":{"size":1}}'),
  ];
  let refused = 0;
  for (const body of bodies.flatMap((whole) => junk.flatMap((value) => [...replacements(whole, value)]))) {
    try {
      parseManifest(bytesOf(body));
    } catch (error) {
      assert.ok(error instanceof OciSyntaxError, `${JSON.stringify(body)}: ${String(error)}`);
      refused += 1;
    }
  }
  assert.ok(refused > 100, String(refused));
});

test('a body that is not JSON is rejected, for any Content-Type', () => {
  for (const text of ['', '{', '\u{feff}{}', '<html>', '{"a":1}x', '{"schemaVersion":2,"manifests":[1e999]'])
    rejects(Buffer.from(text), /not JSON/, mediaTypes.ociIndex);
  rejects(bytesOf(image).subarray(0, 100), /not JSON/);
});

test('JSON that is too long or too deep is rejected before it is parsed', () => {
  const padded = (length: number): Buffer =>
    Buffer.concat([bytesOf(image), Buffer.alloc(length, ' ')]).subarray(0, length);
  assert.equal(parseManifest(padded(4 * 1024 * 1024)).kind, 'image');
  rejects(padded(4 * 1024 * 1024 + 1), /more than 4194304/);
  assert.equal(parseManifest(nested(100)).kind, 'other');
  rejects(nested(101), /deeper than 100/);
  rejects(nested(2_000_000), /deeper than 100/);
  const inStrings = { a: '[{"'.repeat(500), ['\\"['.repeat(300)]: '\\' };
  assert.equal(parseManifest(bytesOf(inStrings)).kind, 'other', 'brackets in strings do not count');
});

test('a view of a larger buffer is read without the rest of the buffer', () => {
  const bytes = bytesOf(index);
  const larger = new Uint8Array(bytes.length + 20).fill(0x78);
  larger.set(bytes, 10);
  assert.equal(parseManifest(larger.subarray(10, 10 + bytes.length)).kind, 'index');
});
