import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import {
  type Body,
  bytesBody,
  concatBodies,
  digestOfBody,
  flipByte,
  isOfBody,
  resizeBody,
  rotatedBody,
  seededBody,
} from './body.ts';
import { tarLayer } from './tar-layer.ts';

const whole = (body: Body) => Buffer.concat([...body.read(0, body.size)]);

test('seeded bytes are the same every time, and differ for another seed', () => {
  const bytes = whole(seededBody({ size: 1_000_003, seed: 1 }));
  assert.equal(bytes.length, 1_000_003);
  assert.deepEqual(whole(seededBody({ size: 1_000_003, seed: 1 })), bytes);
  assert.notDeepEqual(whole(seededBody({ size: 1_000_003, seed: 2 })), bytes);
});

test('seeded bytes can be read from any offset', () => {
  const body = seededBody({ size: 600_000, seed: 'ranges' });
  const bytes = whole(body);
  for (const [start, end] of [
    [0, 1],
    [15, 17],
    [16, 16],
    [262_143, 262_145],
    [100_001, 599_999],
  ] as const)
    assert.deepEqual(Buffer.concat([...body.read(start, end)]), bytes.subarray(start, end));
});

test('rotated bytes can be read from any offset, and do not match at another offset', () => {
  const mebibyte = 1024 * 1024;
  const body = rotatedBody({ size: 5 * mebibyte + 3, seed: 1 });
  const bytes = whole(body);
  assert.equal(bytes.length, body.size);
  for (const [start, end] of [
    [0, 1],
    [mebibyte - 1, mebibyte + 1],
    [1_000_001, 5 * mebibyte + 3],
  ] as const)
    assert.deepEqual(Buffer.concat([...body.read(start, end)]), bytes.subarray(start, end));
  const piece = bytes.subarray(mebibyte + 100, 3 * mebibyte);
  assert.ok(isOfBody(body, mebibyte + 100, piece));
  for (const at of [100, 2 * mebibyte + 100, mebibyte + 99]) assert.ok(!isOfBody(body, at, piece), `at ${at}`);
  assert.ok(!isOfBody(body, body.size - 1, bytes.subarray(-2)));
  assert.ok(!isOfBody(flipByte(body, 3 * mebibyte - 1), mebibyte + 100, piece));
});

test('every block of rotated bytes is different, even over 200 GiB', () => {
  const mebibyte = 1024 * 1024;
  const body = rotatedBody({ size: 200 * 1024 * mebibyte, seed: 1 });
  const blocks = Array.from({ length: 200 * 1024 }, (_, block) => {
    const [first] = body.read(block * mebibyte, block * mebibyte + 16);
    return first!.toString('hex');
  });
  assert.equal(new Set(blocks).size, blocks.length);
});

test('no chunk is larger than 256 KiB', () => {
  for (const body of [
    seededBody({ size: 700_000, seed: 1 }),
    rotatedBody({ size: 700_000, seed: 1 }),
    bytesBody(Buffer.alloc(700_000)),
  ])
    for (const chunk of body.read(3, body.size)) assert.ok(chunk.length <= 256 * 1024);
});

test('joined bodies read as one', () => {
  const body = concatBodies([
    bytesBody(Buffer.from('abc')),
    bytesBody(Buffer.from('')),
    bytesBody(Buffer.from('defg')),
  ]);
  assert.equal(body.size, 7);
  assert.equal(Buffer.concat([...body.read(2, 5)]).toString(), 'cde');
});

test('a flipped byte is wrong for any start of the read', () => {
  const body = flipByte(bytesBody(Buffer.from([1, 2, 3, 4])), 2);
  assert.deepEqual([...whole(body)], [1, 2, 252, 4]);
  assert.deepEqual([...body.read(2, 4)], [Buffer.from([252, 4])]);
  assert.deepEqual([...body.read(3, 4)], [Buffer.from([4])]);
});

test('a body can be truncated and padded', () => {
  const body = bytesBody(Buffer.from('abcdef'));
  assert.equal(whole(resizeBody(body, 4)).toString(), 'abcd');
  const longer = whole(resizeBody(body, 8));
  assert.equal(longer.subarray(0, 6).toString(), 'abcdef');
  assert.equal(longer.length, 8);
});

test('digests match the bytes', () => {
  const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  assert.equal(digestOfBody(bytesBody(Buffer.from('abc')), 'sha256'), `sha256:${abc}`);
  const seeded = seededBody({ size: 10, seed: 1 });
  assert.notEqual(digestOfBody(seeded, 'sha256'), digestOfBody(flipByte(seeded, 1), 'sha256'));
  assert.match(digestOfBody(seeded, 'sha512'), /^sha512:[0-9a-f]{128}$/);
});

test('tar unpacks a layer', () => {
  const file = seededBody({ size: 1234, seed: 'layer' });
  const unpacked = execFileSync('tar', ['-xO', 'layer.bin'], { input: whole(tarLayer('layer.bin', file)) });
  assert.deepEqual(unpacked, whole(file));
});
