import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePlatformName, platformName } from './platform-name.ts';

test('platforms that clients treat as the same have one name', () => {
  const names = [
    { os: 'linux', architecture: 'amd64' },
    { os: 'linux', architecture: 'amd64', variant: 'v1' },
    { os: 'linux', architecture: 'amd64', variant: 'v3' },
    { os: 'linux', architecture: 'arm64', variant: 'v8' },
    { os: 'linux', architecture: 'arm' },
    { os: 'linux', architecture: 'arm', variant: 'v6' },
    { os: 'Windows', architecture: 'amd64' },
  ].map(platformName);
  assert.deepEqual(names, [
    'linux/amd64',
    'linux/amd64',
    'linux/amd64/v3',
    'linux/arm64',
    'linux/arm/v7',
    'linux/arm/v6',
    'windows/amd64',
  ]);
});

test('attestations and invalid platforms have no name', () => {
  assert.equal(platformName({ os: 'unknown', architecture: 'unknown' }), undefined);
  assert.equal(platformName({ os: 'linux', architecture: 'a b' }), undefined);
  assert.equal(platformName({ os: 'linux', architecture: 'x'.repeat(80) }), undefined);
  assert.equal(platformName({ os: 'linux', architecture: 'a/b/c' }), undefined);
});

test('a name that an operator wrote is parsed to the same form', () => {
  assert.equal(parsePlatformName('linux/arm64/v8'), 'linux/arm64');
  assert.equal(parsePlatformName('linux/amd64'), 'linux/amd64');
  for (const text of ['', 'linux', 'linux/', '/amd64', 'linux/arm/v7/x', 'linux/a b'])
    assert.equal(parsePlatformName(text), undefined, text);
});
