import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { bytesOf } from '@cistern/oci/testing';
import { combineCrc32 } from './combine-crc32.ts';

test('the checksum of two runs follows from the checksum of each', () => {
  const bytes = bytesOf(300_000, 7);
  for (const at of [0, 1, 2, 3, 255, 65_536, 131_072, 299_999, 300_000]) {
    const [first, second] = [bytes.subarray(0, at), bytes.subarray(at)];
    assert.equal(combineCrc32(crc32(first), crc32(second), second.length), crc32(bytes), String(at));
  }
});

test('the checksum of a run of 512 MiB is the one that zlib calculates', () => {
  const [first, zeros, times] = [0x12_34_56_78, Buffer.alloc(4 * 1024 * 1024), 128];
  let [second, whole] = [0, first];
  for (let time = 0; time < times; time += 1) {
    second = crc32(zeros, second);
    whole = crc32(zeros, whole);
  }
  assert.equal(combineCrc32(first, second, times * zeros.length), whole);
});

test('runs of many gigabytes are combined like their halves', () => {
  const [a, b, c] = [0x12_34_56_78, 0x9a_bc_de_f0, 0x0f_1e_2d_3c];
  const [long, longer] = [5 * 2 ** 31 + 7, 3 * 2 ** 33 + 1];
  const left = combineCrc32(combineCrc32(a, b, long), c, longer);
  assert.equal(left, combineCrc32(a, combineCrc32(b, c, longer), long + longer));
});
