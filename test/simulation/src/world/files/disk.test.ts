import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../random.ts';
import { createDisk, makeDurable, writeAt } from './disk.ts';

const seeds = Array.from({ length: 200 }, (_, seed) => seed);

/** Returns all contents that a file may have after a crash, over many seeds. */
function afterCrashes(prepare: (disk: ReturnType<typeof createDisk>) => void): Set<string> {
  const found = new Set<string>();
  for (const seed of seeds) {
    const disk = createDisk();
    disk.create('/node', 'directory', 0);
    disk.syncNames();
    prepare(disk);
    disk.crash('/node', createRandom(seed));
    const inode = disk.find('/node/file');
    found.add(inode === undefined ? 'gone' : inode.bytes.subarray(0, inode.size).toString('latin1'));
  }
  return found;
}

test('unsynced data may survive a crash whole, in part, as zeros or not at all', () => {
  const found = afterCrashes((disk) => writeAt(disk.create('/node/file', 'file', 0), Buffer.from('ab'), 0));
  assert.deepEqual([...found].toSorted(), ['', 'a', 'ab', 'gone']);
});

test('a file survives a crash once its data and then its name are synced', () => {
  const found = afterCrashes((disk) => {
    const inode = disk.create('/node/file', 'file', 0);
    writeAt(inode, Buffer.from('ab'), 0);
    makeDurable(inode);
    disk.syncNames();
  });
  assert.deepEqual([...found], ['ab']);
});

test('synced data may lose its name if the name is not synced', () => {
  const found = afterCrashes((disk) => {
    const inode = disk.create('/node/file', 'file', 0);
    writeAt(inode, Buffer.from('ab'), 0);
    makeDurable(inode);
  });
  assert.deepEqual([...found].toSorted(), ['ab', 'gone']);
});

test('a rename may be lost in a crash, and the file always has one of its names', () => {
  const found = new Set<string>();
  for (const seed of seeds) {
    const disk = createDisk();
    disk.create('/node', 'directory', 0);
    makeDurable(disk.create('/node/old', 'file', 0));
    disk.syncNames();
    disk.rename('/node/old', '/node/new');
    disk.crash('/node', createRandom(seed));
    found.add(disk.list('/node').join());
  }
  assert.deepEqual([...found].toSorted(), ['/node/new', '/node/old']);
});

test('a crash of one machine does not change another machine', () => {
  const disk = createDisk();
  for (const path of ['/one', '/two']) disk.create(path, 'directory', 0);
  disk.syncNames();
  writeAt(disk.create('/two/file', 'file', 0), Buffer.from('kept'), 0);
  for (const seed of seeds) disk.crash('/one', createRandom(seed));
  assert.equal(disk.find('/two/file')?.size, 4);
});
