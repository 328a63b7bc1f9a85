// Tests manifests that are larger than those of any image.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from './names.ts';
import { hasTooManyValues } from './manifest-json.ts';
import { maxManifestChildren, parseManifest, parseStoredManifest } from './manifest.ts';
import { mediaTypes } from './media-types.ts';
import { OciSyntaxError } from './syntax-error.ts';

const child = (at: number) => ({ mediaType: 'a/b', digest: digestOf(Buffer.from(`${at}`)), size: 5 });
const image = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: child(-1) };
const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex };
const numbered = (count: number) => Array.from({ length: count }, (_, at) => child(at));
const bytesOf = (body: unknown) => Buffer.from(JSON.stringify(body));

function rejects(bytes: Uint8Array, message: RegExp): void {
  assert.throws(
    () => parseManifest(bytes),
    (error) => error instanceof OciSyntaxError && error.code === 'MANIFEST_INVALID' && message.test(error.message),
    String(message),
  );
}

test('a repeated child counts once, and more than 2,000 children are rejected', () => {
  const layers = numbered(maxManifestChildren - 1);
  const most = bytesOf({ ...image, layers: [...layers, ...layers.slice(0, 500)] });
  assert.equal(parseManifest(most).children.length, maxManifestChildren);
  for (const body of [
    { ...image, layers: numbered(maxManifestChildren) },
    { ...index, manifests: numbered(maxManifestChildren + 500) },
    { schemaVersion: 1, fsLayers: numbered(3000).map(({ digest: blobSum }) => ({ blobSum })) },
  ]) {
    rejects(bytesOf(body), /more than 2000 layers or manifests/);
    assert.equal(parseStoredManifest(bytesOf(body)).children.length, maxManifestChildren);
  }
});

test('JSON with more values than 2,000 children need is rejected before it is parsed', () => {
  const platform = { os: 'linux', architecture: 'arm64', variant: 'v8' };
  const annotations = Object.fromEntries(Array.from({ length: 14 }, (_, at) => [`org.example.${at}`, '[{,']));
  const entries = numbered(maxManifestChildren).map((entry) => ({ ...entry, platform, annotations }));
  assert.equal(parseManifest(bytesOf({ ...index, manifests: entries })).children.length, maxManifestChildren);
  assert.equal(hasTooManyValues(bytesOf({ ...index, manifests: entries })), false);
  for (const many of ['0,', '{},', '[],', '"a",', '{"a":1},']) {
    const bytes = Buffer.from(`{"a":[${many.repeat(60_000)}0]}`);
    rejects(bytes, /more than 50000 values/);
    assert.ok(hasTooManyValues(bytes));
  }
});
