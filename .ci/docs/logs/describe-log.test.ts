import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeLog } from './describe-log.mjs';

const message = {
  path: 'libs/blob-store/src/open.ts',
  levels: ['info'],
  message: 'store is here',
  fields: ['bucket'],
};
const described = [
  'digest upstream endpoint repository tag account address bucket path setting blobs bytes'.split(' '),
  'cache errorKind denied labels redirected reference client ms hits class from adopted forgotten'.split(' '),
  'step part isComplete seconds failures skipped'.split(' '),
  'aside key warning listener reason problem'.split(' '),
].map((fields) => ({ ...message, message: 'all fields', fields }));
const recoveries = [
  'index unavailable, falling back to memory and store',
  'index still unavailable',
  'index available again',
  'store unavailable',
  'store still unavailable',
  'store available again',
  'circuit breaker opened',
  'circuit breaker still open',
  'circuit breaker closed',
  'circuit breaker half-open',
  'upstream credentials rejected or unreadable',
  'upstream credentials accepted again',
  'pull budget exhausted, serving cached tags stale',
  'pull budget recovered',
  'upstream switched offline by operator or setting',
  'upstream switched online by operator or setting',
].map((text) => ({ ...message, message: text, fields: [] }));
const all = [...described, ...recoveries];

test('a message of several places is one row with all levels and fields', () => {
  const page = describeLog([...all, message, { ...message, levels: ['warn'], fields: ['err'] }]);
  assert.match(page, /\n\| warn, info \| `store is here` \| `bucket`, `err` \|\n/);
});

test('a package that belongs to no part is an error that names the file', () => {
  assert.throws(() => describeLog([...all, { ...message, path: 'libs/new/src/a.ts' }]), /libs\/new\/src\/a\.ts/);
});

test('a description of a field that no message has is an error', () => {
  assert.throws(() => describeLog([message]), /Remove its description/);
});

test('a recovery that no code logs is an error', () => {
  assert.match(describeLog(all), /\| `store unavailable` \| `store still unavailable` \| `store available again` \|/);
  assert.throws(() => describeLog(all.slice(0, -1)), /No log message is "upstream switched online/);
});
