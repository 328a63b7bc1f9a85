import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { pickMember } from './pick-member.ts';

/** In pieces of `size` bytes. */
function pick(text: string, size = Infinity): string | undefined {
  const bytes = Buffer.from(text);
  const picker = pickMember('tags', Infinity);
  const picked: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) picked.push(picker.push(bytes.subarray(at, at + size)));
  return picker.isComplete() ? Buffer.concat(picked).toString() : undefined;
}

const cases: readonly (readonly [document: string, expected: string | undefined])[] = [
  ['{"name":"a","tags":["v1","v2"]}', '["v1","v2"]'],
  ['{"tags":null,"name":"a"}', 'null'],
  ['{ "tags" : [ "v1" ] , "manifest": {"sha256:x":{"tag":["v1"],"tags":["inner"]}} }', ' [ "v1" ] '],
  ['{"manifest":{"tags":["inner"]},"child":["tags",":"],"tags":["outer"]}', '["outer"]'],
  ['{"x":"\\"tags\\":[1]","tags":["}","]","\\""]}', '["}","]","\\""]'],
  ['{"name":"tags","other":1}', ''],
  ['{"tags":["first"],"tags":["second"]}', '["first"]'],
  ['{"tags":["v1"]', undefined],
  ['["tags"]', undefined],
  ['', undefined],
  ['<html>', undefined],
];

for (const [document, expected] of cases)
  test(`the tags of ${document}`, () => {
    for (const size of [1, 2, 7, Infinity]) assert.equal(pick(document, size), expected, `in pieces of ${size}`);
  });

test('a picker finds the same as JSON.parse, however the document is cut', () => {
  const key = fc.string().filter((text) => text !== 'tags' && text !== '__proto__');
  fc.assert(
    fc.property(
      fc.dictionary(key, fc.jsonValue()),
      fc.array(fc.string({ unit: 'grapheme' })),
      fc.dictionary(key, fc.jsonValue()),
      fc.integer({ min: 1, max: 40 }),
      (before, tags, after, size) => {
        const document = JSON.stringify({ ...before, tags, ...after });
        assert.deepEqual(JSON.parse(pick(document, size) ?? ''), tags);
      },
    ),
  );
});
