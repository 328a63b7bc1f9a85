import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatTable } from './format-table.ts';

test('columns are as wide as their widest cell, numbers stand at the right, and nothing commands the terminal', () => {
  const columns = ['NODE', { ofNumbers: 'BYTES' }, 'STATE'];
  assert.equal(
    formatTable(columns, [
      ['worker-1', '7', 'ok'],
      ['w\u001B[2J2', '123456', ''],
    ]),
    'NODE       BYTES  STATE\nworker-1       7  ok\nw[2J2     123456\n',
  );
  assert.equal(formatTable(columns, []), '');
});
