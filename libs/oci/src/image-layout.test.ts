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

test('blob paths are parsed to digests, and other paths are rejected', () => {
  for (const algorithm of ['sha256', 'sha512'] as const) {
    const one = digestOf(Buffer.from('x'), algorithm);
    assert.equal(parseLayoutBlobPath(layoutBlobPath(one)), one);
  }
  const path = layoutBlobPath(digest);
  for (const other of ['index.json', 'blobs/sha256/abc', `${path}/`, `x/${path}`, `../${path}`, path.toUpperCase()])
    assert.equal(parseLayoutBlobPath(other), undefined, other);
});

test('an index keeps every entry, even several of one digest', () => {
  const entries = [entry({ name: 'a' }), entry({ name: 'b' }), entry({})];
  assert.deepEqual(parseLayoutIndex(Buffer.from(formatLayoutIndex(entries))), entries);
});

test('a body that is not an index, or has annotations that are not strings, is rejected', () => {
  for (const value of [{}, { manifests: {} }, { manifests: [{}] }, { manifests: [{ ...entry({}), annotations: [] }] }])
    assert.throws(() => parseLayoutIndex(Buffer.from(JSON.stringify(value))), OciSyntaxError);
  const numbered = { manifests: [{ ...entry({}), annotations: { a: 1 } }] };
  assert.throws(() => parseLayoutIndex(Buffer.from(JSON.stringify(numbered))), /annotations\["a"\] is not a string/);
});

test('minor versions of the layout are accepted', () => {
  assert.ok(isLayoutMarker(Buffer.from(layoutMarker.content)));
  assert.ok(isLayoutMarker(Buffer.from('{"imageLayoutVersion":"1.1.0"}')));
  assert.ok(!isLayoutMarker(Buffer.from('{"imageLayoutVersion":"2.0.0"}')));
  assert.ok(!isLayoutMarker(Buffer.from('{}')));
});
