import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, problemsOf } from '../testing.ts';
import { defaultFreshness } from './freshness.ts';

const dayMs = 86_400_000;
const offline = (text: string) => load(text).upstreams.map(({ name, isOffline }) => [name, isOffline]);
const upstreamOf = (text: string) => load(text).upstreams[0] ?? assert.fail();

test('versions are fresh for a day and other tags for a minute by default', () => {
  for (const { freshness, lists, isOffline } of load('').upstreams) {
    assert.deepEqual(freshness, defaultFreshness);
    assert.deepEqual(
      freshness.map(({ ttlMs, staleWhileRevalidateMs }) => [ttlMs, staleWhileRevalidateMs]),
      [
        [dayMs, dayMs],
        [60_000, 60_000],
      ],
    );
    assert.deepEqual([lists, isOffline], [{ ttlMs: 30_000, staleIfErrorMs: Infinity }, false]);
  }
});

test('classes keep their order, and ttl is the class of all other tags', () => {
  const { freshness, lists } = upstreamOf(`
upstreams:
  docker.io:
    freshness:
      - { tags: v*, ttl: 24h }
      - { tags: [main, 'feature-*'], ttl: 0s, stalewhilerevalidate: 1m, staleiferror: 1h, onnotfound: forget }
    ttl: 5m
    lists: { ttl: 10s, staleiferror: 1h }
`);
  assert.deepEqual(freshness, [
    { tags: ['v*'], ttlMs: dayMs, staleWhileRevalidateMs: 0, staleIfErrorMs: Infinity, onNotFound: 'keep' },
    {
      tags: ['main', 'feature-*'],
      ttlMs: 0,
      staleWhileRevalidateMs: 60_000,
      staleIfErrorMs: 3_600_000,
      onNotFound: 'forget',
    },
    { tags: ['*'], ttlMs: 300_000, staleWhileRevalidateMs: 0, staleIfErrorMs: Infinity, onNotFound: 'keep' },
  ]);
  assert.deepEqual(lists, { ttlMs: 10_000, staleIfErrorMs: 3_600_000 });
});

test('classes without ttl keep the default for other tags', () => {
  const { freshness } = upstreamOf('upstreams: {docker.io: {freshness: [{tags: "*-nightly", ttl: 10m}]}}');
  assert.deepEqual(freshness.slice(1), defaultFreshness.slice(-1));
});

test('mistakes are reported with their index in the list', () => {
  assert.deepEqual(
    problemsOf(`
upstreams:
  docker.io:
    freshness:
      - { tags: [], ttl: 5m }
      - { tag: latest, ttl: 5m }
      - { tags: latest, ttl: 5, onnotfound: maybe, staleiferror: always }
      - latest
`).map(({ path, message }) => `${path}: ${message.split(':')[0]}`),
    [
      'upstreams.docker.io.freshness[1].tag: is not a known key; did you mean tags?',
      'upstreams.docker.io.freshness[1].tags: is required',
      'upstreams.docker.io.freshness[2].ttl: "5" is not a duration',
      'upstreams.docker.io.freshness[2].staleiferror: "always" is not a duration',
      'upstreams.docker.io.freshness[2].onnotfound: must be one of keep, forget, not "maybe"',
      'upstreams.docker.io.freshness[3]: must be a section with keys, not text',
    ],
  );
  assert.deepEqual(problemsOf('upstreams: {docker.io: {freshness: [{tags: [], ttl: 5m}]}}'), [
    { path: 'upstreams.docker.io.freshness[0].tags', message: 'is empty: name a pattern, for example "*"' },
  ]);
});

test('offline applies to all upstreams, and each upstream can override it', () => {
  assert.deepEqual(offline('offline: true\nupstreams: {quay.io: {}, ghcr.io: {offline: false}}'), [
    ['quay.io', true],
    ['ghcr.io', false],
  ]);
  assert.deepEqual(offline('upstreams: {quay.io: {offline: yes}, ghcr.io: {}}'), [
    ['quay.io', true],
    ['ghcr.io', false],
  ]);
  assert.deepEqual(
    load('', { env: { REGISTRY_OFFLINE: 'true' } }).upstreams.every(({ isOffline }) => isOffline),
    true,
  );
});
