// Checks keys for all names that a client or an operator can choose. Each key is below the root, is unique, and can be
// parsed back into its name.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf, isDigest, parseReference, parseRepositoryName, parseTag } from '@cistern/oci';
import fc from 'fast-check';
import {
  blobKey,
  linksObjectKey,
  listObjectKey,
  offlineDecisionKey,
  parseLinksObjectKey,
  parseOfflineDecisionKey,
  parsePinKey,
  parseTagObjectKey,
  pinKey,
  registryTagLinkKey,
  tagObjectKey,
  parseObjectKey,
} from './key-layout.ts';

const digest = fc.uint8Array({ maxLength: 4 }).map((bytes) => digestOf(bytes));
const component = fc.stringMatching(/^[a-z0-9]{1,6}(?:[._-][a-z0-9]{1,3}){0,2}$/);
const repository = fc.array(component, { minLength: 1, maxLength: 4 }).map((all) => parseRepositoryName(all.join('/')));
const tag = fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,12}$/).map(parseTag);
const upstream = fc.constantFrom('docker.io', 'localhost:5000', 'x');
const names = { upstream, repository, tag, digest };

test('keys are below the root and parse back into their names', () => {
  fc.assert(
    fc.property(fc.record(names), (name) => {
      const reference = parseReference(name.tag);
      const keys = {
        blob: blobKey(name.digest),
        tag: tagObjectKey(name),
        links: linksObjectKey(name.upstream, name.repository, name.digest),
        list: listObjectKey({ ...name, list: 'tags', slot: 7 }),
        pin: pinKey({ ...name, reference }),
        offline: offlineDecisionKey(name.upstream),
        registryTag: registryTagLinkKey(name.repository, name.tag),
      };
      for (const key of Object.values(keys)) assert.ok(parseObjectKey(key).length > 1, key);
      assert.equal(new Set(Object.values(keys)).size, Object.keys(keys).length);
      const { upstream: of, repository: at } = name;
      assert.deepEqual(parseTagObjectKey(keys.tag), { upstream: of, repository: at, tag: name.tag });
      assert.deepEqual(parseLinksObjectKey(keys.links), { upstream: of, repository: at, digest: name.digest });
      assert.deepEqual(parsePinKey(keys.pin), { upstream: of, repository: at, reference });
      assert.deepEqual(parseOfflineDecisionKey(keys.offline), { upstream: of });
    }),
  );
});

test('two names never share a key', () => {
  fc.assert(
    fc.property(fc.record(names), fc.record(names), (one, other) => {
      const isSame = one.upstream === other.upstream && one.repository === other.repository;
      assert.equal(tagObjectKey(one) === tagObjectKey(other), isSame && one.tag === other.tag);
    }),
  );
});

test('no upstream’s name leads outside the root, and no parser accepts a key of another kind', () => {
  const words = [
    'cistern/',
    'tags/',
    'links/',
    'state/',
    'pins/',
    '_tags/',
    '_digests/',
    '..',
    '/',
    '.json',
    'a',
    '\0',
    '\\',
  ];
  const text = fc
    .array(fc.oneof(fc.constantFrom(...words), fc.string({ maxLength: 3 })), { maxLength: 12 })
    .map((all) => all.join(''));
  fc.assert(
    fc.property(text, fc.record(names), (value, name) => {
      for (const parse of [parseTagObjectKey, parsePinKey, parseLinksObjectKey]) {
        const parsed = parse(value);
        if (parsed !== undefined && 'digest' in parsed) assert.ok(isDigest(parsed.digest));
      }
      let key;
      try {
        key = tagObjectKey({ ...name, upstream: value });
      } catch (error) {
        assert.ok(error instanceof TypeError, String(error));
        return;
      }
      assert.equal(parseObjectKey(key)[2], value);
    }),
  );
});
