import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../world/random.ts';
import { type FaultKind, type FaultTable, type NamedKinds, planFaults } from './fault-plan.ts';

const table: FaultTable = {
  'kill worker': { chance: 0.5, most: 2, lastsMs: 1_000 },
  'skewed clock': { chance: 0.5, most: 2, lastsMs: 1_000 },
};

function kindsOfSeeds(named: NamedKinds): (readonly FaultKind[])[] {
  return Array.from({ length: 100 }, (_, seed) => {
    const kinds = planFaults(createRandom(seed), { table, named }).map(({ kind }) => kind);
    return [...new Set(kinds)];
  });
}

test('a run with named kinds has all of them and no others', () => {
  const kinds = kindsOfSeeds(['skewed clock']).filter((one) => one.length > 0);
  assert.ok(kinds.length > 80);
  for (const one of kinds) assert.deepEqual(one, ['skewed clock']);
});

test('the default kinds can be named together with others', () => {
  const kinds = kindsOfSeeds(['skewed clock', 'default']).filter((one) => one.length > 0);
  for (const one of kinds) assert.ok(one.includes('skewed clock'));
  assert.ok(kinds.some((one) => one.includes('kill worker')));
  assert.ok(kinds.some((one) => !one.includes('kill worker')));
});
