import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measuredOf } from './figures-for-tests.ts';
import { format, tablesOf } from './tables.ts';

const measured = measuredOf({
  cistern: [
    [2000, 10],
    [4000, 10],
  ],
  'cistern-cluster': [
    [1000, 20],
    [1000, 20],
  ],
  nginx: [
    [1500, 5],
    [1500, 5],
  ],
});

test('a table shows every figure of every contender, with ratio and noise', () => {
  assert.equal(
    tablesOf([measured]),
    `| A load | requests/s | CPU µs/request |
| --- | ---: | ---: |
| The cistern | 3,000 | 10 |
| The cistern-cluster | 1,000 (3× ± 33 %) | 20 (2× ± 0 %) |
| The nginx | 1,500 (2× ± 33 %) | 5 (0.5× ± 0 %) |
`,
  );
});

test('one round has no noise', () => {
  assert.match(tablesOf([measuredOf({ cistern: [[20]], other: [[10]] })]), /10 \(2×\)/);
});

test('a figure that a contender does not have is a dash without a ratio', () => {
  const none = Number.NaN;
  const text = tablesOf([measuredOf({ cistern: [[20, 10]], nginx: [[10, none]] })]);
  assert.match(text, /\| The nginx \| 10 \(2×\) \| – \|/);
});

test('a figure has two digits or no fraction', () => {
  assert.deepEqual([0.123, 9.96, 99.4, 100.4, 12_345, Number.NaN].map(format), [
    '0.12',
    '10',
    '99',
    '100',
    '12,345',
    '–',
  ]);
});
