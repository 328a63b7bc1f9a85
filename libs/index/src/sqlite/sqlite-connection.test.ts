import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { createWriteBehind } from './sqlite-connection.ts';

test('a value whose write fails stays pending and is written by the next attempt', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  using database = new DatabaseSync(':memory:');
  const written: (readonly [string, number])[] = [];
  let isFull = true;
  const { table } = createWriteBehind(database, { warn() {}, error() {} });
  const pending = table<number>((key, value) => {
    if (isFull) throw new Error('database or disk is full');
    written.push([key, value]);
  });
  pending.set('tag', 3);
  t.mock.timers.tick(1_000);
  assert.deepEqual([written, pending.get('tag')], [[], 3]);
  isFull = false;
  t.mock.timers.tick(1_000);
  assert.deepEqual([written, pending.get('tag')], [[['tag', 3]], undefined]);
});
