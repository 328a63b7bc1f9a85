import assert from 'node:assert/strict';
import { test } from 'node:test';
import { packCrcTable, unpackCrcTable } from './crc-tables.ts';

const mebibyte = 1024 * 1024;

test('a packed table unpacks to the same table', () => {
  const table = { segmentBytes: 16 * mebibyte, crcs: [0, 0xff_ff_ff_ff, 0x01_02_03_04] };
  assert.deepEqual(unpackCrcTable(packCrcTable(table), 33 * mebibyte), table);
  assert.equal(packCrcTable({ ...table, crcs: [1] }).length, 12);
});

test('a table for another size unpacks to undefined', () => {
  const packed = packCrcTable({ segmentBytes: 16 * mebibyte, crcs: [1, 2] });
  for (const size of [1, 16 * mebibyte, 33 * mebibyte]) assert.equal(unpackCrcTable(packed, size), undefined);
  for (const text of [undefined, null, '', '.', '9zldc', '9zldc.A', '0.AAAAAA', '-1.AAAAAA'])
    assert.equal(unpackCrcTable(text, 10), undefined);
});
