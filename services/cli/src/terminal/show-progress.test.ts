import assert from 'node:assert/strict';
import { test } from 'node:test';
import { showProgress } from './show-progress.ts';

function run(isTTY: boolean): string {
  const written: string[] = [];
  let nowMs = 0;
  const progress = showProgress({ stderr: { write: (text) => written.push(text), isTTY } }, () => nowMs);
  for (const count of [1, 2, 3]) {
    nowMs += 6000;
    progress.show(`${count} blobs`);
  }
  progress.end();
  return written.join('');
}

test('showProgress rewrites one line on a terminal, and clears it at the end', () => {
  assert.equal(run(true), '\r\u001B[K1 blobs\r\u001B[K2 blobs\r\u001B[K3 blobs\r\u001B[K');
});

test('showProgress writes a line every ten seconds elsewhere', () => {
  assert.equal(run(false), '2 blobs\n');
});
