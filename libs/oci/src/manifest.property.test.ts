// Manifests of hostile upstreams: any bytes give either a manifest with valid parts or the parser's own error.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isDigest } from './names.ts';
import { isLayoutMarker, parseLayoutIndex } from './image-layout.ts';
import { parseManifest } from './manifest.ts';
import { mediaTypes } from './media-types.ts';
import { OciSyntaxError } from './syntax-error.ts';

const digest = fc.constantFrom(`sha256:${'0'.repeat(64)}`, `sha512:${'f'.repeat(128)}`, 'sha256:', 'sha1:00');
const size = fc.oneof(fc.nat(), fc.constantFrom(-1, 0.5, 1e300, '7', null));
const mediaType = fc.oneof(fc.constantFrom(...Object.values(mediaTypes), '', 'text/plain', 'a/b\r\nX: y'), fc.string());
const platform = fc.record(
  { os: fc.string(), architecture: fc.string(), variant: fc.jsonValue() },
  { requiredKeys: [] },
);
const descriptor = fc.record(
  {
    mediaType,
    digest,
    size,
    platform: fc.oneof(platform, fc.jsonValue()),
    urls: fc.jsonValue(),
    annotations: fc.jsonValue(),
  },
  { requiredKeys: [] },
);
const part = fc.oneof({ weight: 5, arbitrary: descriptor }, fc.jsonValue());
const parts = fc.oneof({ weight: 5, arbitrary: fc.array(part, { maxLength: 5 }) }, fc.jsonValue());
const document = fc.record(
  {
    schemaVersion: fc.constantFrom(1, 2, '2', null),
    mediaType,
    config: part,
    layers: parts,
    manifests: parts,
    blobs: parts,
    fsLayers: fc.oneof(fc.array(fc.record({ blobSum: digest })), fc.jsonValue()),
    signatures: fc.jsonValue(),
    subject: part,
    artifactType: fc.jsonValue(),
    imageLayoutVersion: fc.constantFrom('1.0.0', 1, ''),
  },
  { requiredKeys: [] },
);
const text = fc.oneof(
  { weight: 6, arbitrary: document.map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: fc.json() },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
  // Cut short, as by a broken connection.
  { weight: 1, arbitrary: fc.tuple(document, fc.nat(400)).map(([value, end]) => JSON.stringify(value).slice(0, end)) },
);
const bytes = fc.oneof({ weight: 9, arbitrary: text.map((value) => Buffer.from(value)) }, fc.uint8Array());

function orSyntaxError<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    assert.ok(error instanceof OciSyntaxError, String(error));
    return undefined;
  }
}

test('any bytes give a valid manifest or a descriptive error', () => {
  fc.assert(
    fc.property(bytes, fc.option(mediaType, { nil: undefined }), (value, contentType) => {
      const manifest = orSyntaxError(() => parseManifest(value, contentType));
      if (manifest === undefined) return;
      assert.match(manifest.mediaType, /^[\x21-\x7e]+\/[\x21-\x7e]+$/, 'it may become a header');
      const digests = new Set(manifest.children.map((child) => child.digest));
      assert.equal(digests.size, manifest.children.length, 'each once');
      for (const child of manifest.children) {
        assert.ok(isDigest(child.digest));
        assert.ok(child.size === undefined || (Number.isSafeInteger(child.size) && child.size >= 0));
        assert.match(child.mediaType, /^[\x20-\x7e]*$/);
      }
    }),
  );
});

test('any bytes give a valid index and marker of an image layout, or an error', () => {
  fc.assert(
    fc.property(bytes, (value) => {
      for (const entry of orSyntaxError(() => parseLayoutIndex(value)) ?? []) assert.ok(isDigest(entry.digest));
      orSyntaxError(() => isLayoutMarker(value));
    }),
  );
});

test('deeply nested JSON is rejected without a stack overflow', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('[', '{"a":', '{"layers":['),
      fc.integer({ min: 1000, max: 200_000 }),
      (open, depth) => {
        orSyntaxError(() => parseManifest(Buffer.from(open.repeat(depth))));
      },
    ),
    { numRuns: 50 },
  );
});
