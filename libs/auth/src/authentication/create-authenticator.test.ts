import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBasic } from './create-authenticator.ts';

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

test('the first colon separates user and password, in UTF-8', () => {
  for (const [user, password] of [
    ['ada', 's3cret'],
    ['ada', 'a:b:c'],
    ['ada', ''],
    ['', 'token'],
    ['jürgen', 'pässwörd ☃'],
  ] as const)
    assert.deepEqual(parseBasic(basic(`${user}:${password}`)), { user, password });
});

test('the scheme is case-insensitive, and padding is optional', () => {
  for (const header of ['basic YWRhOng=', 'BASIC  YWRhOng=', 'Basic YWRhOng'])
    assert.deepEqual(parseBasic(header), { user: 'ada', password: 'x' });
});

test('a malformed header is rejected', () => {
  for (const header of [
    '',
    'Basic',
    'Basic ',
    'Bearer YWRhOng=',
    'Basic YWRhOng=, Basic YWRhOng=',
    'Basic YWRhOng= ',
    'Basic YW-hOng=',
    'Basic YWRhOnh=', // has leftover bits
    basic('no colon'),
    basic('control:\u0000'),
    basic('line\n:x'),
    `Basic ${Buffer.from('\xff:x', 'latin1').toString('base64')}`,
  ])
    assert.equal(parseBasic(header), undefined, header);
});
