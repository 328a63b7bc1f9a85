import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseNextLink } from './list-calls.ts';

const base = new URL('https://registry.example.com/v2/a/tags/list');
const cases = [
  ['</v2/a/tags/list?last=b&n=2>; rel="next"', 'https://registry.example.com/v2/a/tags/list?last=b&n=2'],
  ['<https://other.example.com/v2/a/tags/list?last=b>; rel=next', 'https://other.example.com/v2/a/tags/list?last=b'],
  ['<?last=b>;title="x, y";REL="Next"', 'https://registry.example.com/v2/a/tags/list?last=b'],
  ['</one>; rel="prev", </two>; rel="last next"', 'https://registry.example.com/two'],
  ['</v2/a/tags/list>; rel="nextish"', undefined],
  ['</v2/a/tags/list>', undefined],
  ['nonsense', undefined],
  [undefined, undefined],
] as const;

for (const [header, expected] of cases)
  test(`the next page of the Link header ${header} is ${expected}`, () =>
    assert.equal(parseNextLink(header, base)?.href, expected));
