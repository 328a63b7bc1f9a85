import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findCycles } from './find-cycles.mjs';

const edge = (from: string, to: string) => ({ from, to });

test('a chain and a diamond are not cycles', () => {
  assert.deepEqual(findCycles([edge('a', 'b'), edge('b', 'c')]), []);
  assert.deepEqual(findCycles([edge('a', 'b'), edge('a', 'c'), edge('b', 'd'), edge('c', 'd')]), []);
});

test('two nodes with edges to each other are one cycle, with these edges', () => {
  const edges = [edge('b', 'a'), edge('a', 'b'), edge('a', 'c'), edge('d', 'a')];
  assert.deepEqual(findCycles(edges), [{ members: ['a', 'b'], edges: edges.slice(0, 2) }]);
});

test('a long loop is one cycle, and two separate loops are two', () => {
  const found = findCycles([edge('a', 'b'), edge('b', 'c'), edge('c', 'a'), edge('x', 'y'), edge('y', 'x')]);
  assert.deepEqual(
    found.map(({ members }) => members),
    [
      ['a', 'b', 'c'],
      ['x', 'y'],
    ],
  );
});
