import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareBaseline, countFaults, formatBaseline } from './compare-baseline.mjs';

test('faults are counted by file and rule, sorted', () => {
  const faultsOf = new Map([
    ['b.ts', [{ rule: 'wish' }, { rule: 'anew' }, { rule: 'wish' }]],
    ['a.ts', []],
  ]);
  assert.equal(JSON.stringify(countFaults(faultsOf)), '{"a.ts":{},"b.ts":{"anew":1,"wish":2}}');
});

test('equal counts pass', () => {
  const counts = { 'a.ts': { wish: 1 } };
  assert.deepEqual(compareBaseline(counts, counts), { above: [], lowered: counts, isLower: false });
});

test('a count above the baseline is an error, and lowering does not raise it', () => {
  const { above, lowered } = compareBaseline({ 'a.ts': { anew: 1, wish: 3 } }, { 'a.ts': { wish: 2 } });
  assert.deepEqual(above, [
    { path: 'a.ts', rule: 'anew', found: 1, allowed: 0 },
    { path: 'a.ts', rule: 'wish', found: 3, allowed: 2 },
  ]);
  assert.deepEqual(lowered, { 'a.ts': { wish: 2 } });
});

test('a count below the baseline lowers it', () => {
  const baseline = { 'a.ts': { anew: 1, wish: 3 }, 'b.ts': { wish: 1 }, 'gone/c.ts': { wish: 1 } };
  const { above, lowered, isLower } = compareBaseline({ 'a.ts': { wish: 2 }, 'b.ts': {} }, baseline);
  assert.deepEqual([above, lowered, isLower], [[], { 'a.ts': { wish: 2 } }, true]);
});

test('a new file has a baseline of zero', () => {
  const { above } = compareBaseline({ 'a.ts': { wish: 1 } }, {});
  assert.deepEqual(above, [{ path: 'a.ts', rule: 'wish', found: 1, allowed: 0 }]);
});

test('a file that is moved or renamed inherits a baseline once', () => {
  const baseline = { 'a/old.ts': { wish: 2 } };
  for (const path of ['b/old.ts', 'a/new.ts'])
    assert.deepEqual(compareBaseline({ [path]: { wish: 1 } }, baseline).lowered, { [path]: { wish: 1 } });
  assert.equal(compareBaseline({ 'b/new.ts': { wish: 1 } }, baseline).above.length, 1);
  assert.equal(compareBaseline({ 'a/new.ts': { wish: 3 } }, baseline).above.length, 1);
  assert.equal(compareBaseline({ 'a/1.ts': { wish: 1 }, 'a/2.ts': { wish: 1 } }, baseline).above.length, 1);
});

test('a file that is still there hands its baseline to no other', () => {
  const counts = { 'a/new.ts': { wish: 1 }, 'a/old.ts': {} };
  assert.equal(compareBaseline(counts, { 'a/old.ts': { wish: 1 } }).above.length, 1);
});

test('the baseline has a line for each file', () => {
  assert.equal(
    formatBaseline({ 'a.ts': { wish: 1 }, 'b.ts': { anew: 1, wish: 2 } }),
    '{\n  "a.ts": {"wish":1},\n  "b.ts": {"anew":1,"wish":2}\n}\n',
  );
});
