import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLineBuffer } from './create-line-buffer.ts';

test('lines within the delay are written together, in order and once', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const written: string[] = [];
  const lines = createLineBuffer({ write: (bytes) => void written.push(bytes.toString()) });
  lines.write('one\n');
  t.mock.timers.tick(9);
  lines.write('two\n');
  assert.deepEqual(written, []);
  t.mock.timers.tick(1);
  assert.deepEqual(written, ['one\ntwo\n']);
  lines.write('three\n');
  lines.flush();
  assert.deepEqual(written, ['one\ntwo\n', 'three\n']);
  t.mock.timers.tick(1000);
  assert.equal(written.length, 2);
});

test('a full buffer is written without delay, and a long line unbuffered', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const written: string[] = [];
  const lines = createLineBuffer({ write: (bytes) => void written.push(bytes.toString()) });
  for (let line = 0; line < 1000; line += 1) lines.write(`${'x'.repeat(99)}\n`);
  assert.equal(written.length, 1);
  lines.write(`${'ö'.repeat(100_000)}\n`);
  assert.equal(written.length, 3);
  lines.write('€\n');
  lines.flush();
  assert.equal(written.join(''), `${`${'x'.repeat(99)}\n`.repeat(1000)}${'ö'.repeat(100_000)}\n€\n`);
});

test('a buffer is reused only after its lines have been written', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const passed: Buffer[] = [];
  const lines = createLineBuffer({ write: (bytes) => void passed.push(bytes) });
  const memories = () => new Set(passed.map(({ buffer }) => buffer)).size;
  const writeLine = (text: string) => {
    lines.write(text);
    lines.flush();
  };
  writeLine('one\n');
  lines.written(3);
  writeLine('two\n');
  assert.equal(memories(), 2, 'a byte of the first buffer is not written yet');
  lines.written(1);
  writeLine('three\n');
  assert.deepEqual([memories(), passed[2]?.buffer === passed[0]?.buffer], [2, true]);
  assert.equal(passed[1]?.toString(), 'two\n');
  // An output that has written nothing yet still receives further lines.
  for (let line = 0; line < 100; line += 1) writeLine(`${line}\n`);
  assert.equal(passed.length, 103);
  assert.equal(memories(), 102);
  lines.written(passed.reduce((sum, { length }) => sum + length, 0) - 4);
  for (let line = 0; line < 100; line += 1) writeLine(`${line}\n`);
  assert.equal(memories(), 194, 'at most eight buffers are kept for reuse');
});
