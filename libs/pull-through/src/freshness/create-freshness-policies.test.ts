import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFreshnessPolicies } from './freshness.ts';

const rule = (tags: readonly string[], ttlMs: number) =>
  ({ tags, ttlMs, staleWhileRevalidateMs: 0, staleIfErrorMs: Infinity, onNotFound: 'keep' }) as const;
const versions = ['?(v)+([0-9]).+([0-9]).+([0-9])', '?(v)+([0-9]).+([0-9]).+([0-9])[-._]*'];

test('the first rule with a matching pattern applies', () => {
  const policyOf = createFreshnessPolicies([
    {
      name: 'docker.io',
      freshness: [rule(['main', 'feature-*'], 1), rule(['{edge,nightly}-202?'], 2), rule(['*'], 3)],
    },
    { name: 'quay.io', freshness: [rule(['*'], 4)] },
  ]);
  const ttls = ['main', 'feature-x.1', 'feature', 'edge-2026', 'edge-202', '_x', 'Main'].map(
    (tag) => policyOf('docker.io', tag).ttlMs,
  );
  assert.deepEqual(ttls, [1, 1, 3, 2, 3, 3, 3]);
  assert.equal(policyOf('quay.io', 'main').ttlMs, 4);
  assert.equal(policyOf('elsewhere', 'main').ttlMs, 0);
});

test('the built-in class of versions matches only whole versions', () => {
  const policyOf = createFreshnessPolicies([{ name: 'docker.io', freshness: [rule(versions, 1), rule(['*'], 0)] }]);
  const isVersion = (tag: string) => policyOf('docker.io', tag).ttlMs === 1;
  for (const tag of ['1.2.3', 'v1.2.3', '1.2.3-alpine', 'v10.20.30-rc.1_x', '1.2.3.4', '2026.11.24', '1.2.3_jdk'])
    assert.ok(isVersion(tag), tag);
  for (const tag of [
    'latest',
    '1',
    '1.2',
    'v1',
    '1.2-alpine',
    '22.04',
    'main',
    'x1.2.3',
    '1.2.x',
    '1.2.3alpine',
    'vv1.2.3',
  ])
    assert.ok(!isVersion(tag), tag);
});
