import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSeal } from './seal.ts';

const secret = 'a secret of the cluster';
const seal = createSeal(secret, 'tokens');

test('a sealed text opens with the same secret, also in another process', () => {
  for (const text of ['', 'x', 'Grüße '.repeat(1000)]) {
    const sealed = seal.close('name', text);
    assert.match(sealed, /^[\w-]+$/);
    assert.equal(createSeal(secret, 'tokens').open('name', sealed), text);
  }
});

test('a sealed text shows nothing of the text, and each sealing differs', () => {
  const [one, other] = [seal.close('name', 'a token'), seal.close('name', 'a token')];
  assert.notEqual(one, other);
  assert.doesNotMatch(Buffer.from(one, 'base64url').toString('latin1'), /token/);
});

test('a sealed text opens under no other name, for no other purpose and with no other secret', () => {
  const sealed = seal.close('name', 'a token');
  assert.equal(seal.open('other', sealed), undefined);
  assert.equal(createSeal(secret, 'keys').open('name', sealed), undefined);
  assert.equal(createSeal('another secret of a cluster', 'tokens').open('name', sealed), undefined);
});

test('changed, truncated and unsealed texts do not open', () => {
  const bytes = Buffer.from(seal.close('name', 'a token'), 'base64url');
  for (let at = 0; at < bytes.byteLength; at += 1) {
    const changed = Buffer.from(bytes);
    changed[at]! ^= 1;
    assert.equal(seal.open('name', changed.toString('base64url')), undefined, `byte ${at}`);
    assert.equal(seal.open('name', bytes.subarray(0, at).toString('base64url')), undefined, `${at} bytes`);
  }
  assert.equal(seal.open('name', '{"token":"a token"}'), undefined);
});
