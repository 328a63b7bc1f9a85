import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { writeByTurns } from './write-by-turns.ts';

test('writes the lines of a turn together, in their order, and none twice', async () => {
  const written: string[] = [];
  const lines = writeByTurns({ write: (text) => void written.push(text) });
  lines.write('one\n');
  lines.write('two\n');
  assert.deepEqual(written, []);
  await turn();
  assert.deepEqual(written, ['one\ntwo\n']);
  lines.write('three\n');
  lines.flush();
  assert.deepEqual(written, ['one\ntwo\n', 'three\n']);
  await turn();
  assert.equal(written.length, 2);
});
