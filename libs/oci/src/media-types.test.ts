import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isIndexMediaType, isManifestMediaType, manifestAcceptHeader, mediaTypeOf, mediaTypes } from './media-types.ts';

test('the Accept header names indexes first, schema 1 last, and any other type at the end', () => {
  const accepted = manifestAcceptHeader.split(', ');
  assert.equal(accepted.at(-1), '*/*');
  assert.equal(accepted.length, 7);
  const places = accepted.map((mediaType) => {
    if (isIndexMediaType(mediaType)) return 0;
    return mediaType.includes('manifest.v1+') ? (mediaType.includes('oci') ? 1 : 2) : mediaType === '*/*' ? 3 : 1;
  });
  assert.deepEqual(places, [0, 0, 1, 1, 2, 2, 3]);
});

test('indexes and manifests are distinguished from layers', () => {
  assert.deepEqual(
    Object.values(mediaTypes).filter((mediaType) => isIndexMediaType(mediaType)),
    [mediaTypes.ociIndex, mediaTypes.dockerManifestList],
  );
  for (const mediaType of Object.values(mediaTypes)) assert.ok(isManifestMediaType(mediaType), mediaType);
  for (const mediaType of ['application/json', 'application/vnd.oci.image.layer.v1.tar+gzip', ''])
    assert.ok(!isManifestMediaType(mediaType) && !isIndexMediaType(mediaType), mediaType);
});

test('a Content-Type loses its parameters and its upper case', () => {
  assert.equal(mediaTypeOf('application/vnd.oci.image.index.v1+json'), mediaTypes.ociIndex);
  assert.equal(mediaTypeOf(' Application/JSON ;charset=utf-8; a="b;c"'), 'application/json');
});

test('a Content-Type without a media type returns undefined', () => {
  for (const value of [undefined, '', ';', 'json', 'a/', '/b', 'a/b/c', 'a b/c', 'a/b\r\nx: y', '*/*', 'é/b'])
    assert.equal(mediaTypeOf(value), undefined, String(value));
});
