import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from './names.ts';
import {
  formatLayoutIndex,
  isLayoutMarker,
  layoutBlobPath,
  layoutMarker,
  parseLayoutBlobPath,
  parseLayoutIndex,
} from './image-layout.ts';
import { mediaTypes } from './media-types.ts';
import { OciSyntaxError } from './syntax-error.ts';

const digest = digestOf(Buffer.from('x'));
const entry = (annotations: Record<string, string>) => ({
  mediaType: mediaTypes.ociManifest,
  digest,
  size: 1,
  annotations,
});

test('blobs have paths by their digests, and nothing else has', () => {
  for (const algorithm of ['sha256', 'sha512'] as const) {
    const one = digestOf(Buffer.from('x'), algorithm);
    assert.equal(parseLayoutBlobPath(layoutBlobPath(one)), one);
  }
  const path = layoutBlobPath(digest);
  for (const other of ['index.json', 'blobs/sha256/abc', `${path}/`, `x/${path}`, `../${path}`, path.toUpperCase()])
    assert.equal(parseLayoutBlobPath(other), undefined, other);
});

test('an index keeps every entry, those of one digest too', () => {
  const entries = [entry({ name: 'a' }), entry({ name: 'b' }), entry({})];
  assert.deepEqual(parseLayoutIndex(Buffer.from(formatLayoutIndex(entries))), entries);
});

test('what is no index, or annotates with something else than text, is refused', () => {
  for (const value of [{}, { manifests: {} }, { manifests: [{}] }, { manifests: [{ ...entry({}), annotations: [] }] }])
    assert.throws(() => parseLayoutIndex(Buffer.from(JSON.stringify(value))), OciSyntaxError);
  const numbered = { manifests: [{ ...entry({}), annotations: { a: 1 } }] };
  assert.throws(() => parseLayoutIndex(Buffer.from(JSON.stringify(numbered))), /annotations\["a"\] is not a string/);
});

test('versions that only add are taken', () => {
  assert.ok(isLayoutMarker(Buffer.from(layoutMarker.content)));
  assert.ok(isLayoutMarker(Buffer.from('{"imageLayoutVersion":"1.1.0"}')));
  assert.ok(!isLayoutMarker(Buffer.from('{"imageLayoutVersion":"2.0.0"}')));
  assert.ok(!isLayoutMarker(Buffer.from('{}')));
});
