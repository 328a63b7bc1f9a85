// Tests space on a disk, on virtual time: which fetches wait for it, get it or are refused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { createDiskRoom, type DiskRoom, type DiskRoomOptions } from './disk-room.ts';
import { type MinFree, minFreeBytes, noMinFree, reserveBytes } from './min-free.ts';

const tenth: MinFree = { share: 0.1, maxBytes: 20_000, shareOfLeft: 0.5 };
const { signal } = new AbortController();

interface Disk {
  held: number;
  others: number;
  evict: number;
}

/** A disk of 1000 bytes. While space is wanted, each check frees `evict` bytes and then calls `onWant`. */
function startDisk({ onWant, ...options }: Partial<DiskRoomOptions & Disk> & { onWant?: (disk: Disk) => void } = {}) {
  const disk = { held: options.held ?? 0, others: options.others ?? 0, spooled: 0, evict: options.evict ?? 0 };
  const wanted: number[] = [];
  const startedMs = performance.now();
  const time = {
    get nowMs() {
      return Math.round(performance.now() - startedMs);
    },
  };
  const room = createDiskRoom({
    name: 'The file system of the store (storage.filesystem.rootdirectory)',
    minFree: tenth,
    space: async () => ({ freeBytes: 1000 - disk.held - disk.others - disk.spooled, totalBytes: 1000 }),
    heldBytes: async () => disk.held,
    async want(bytes) {
      wanted.push(bytes);
      if (bytes === 0) return;
      disk.held -= Math.min(disk.evict, disk.held);
      onWant?.(disk);
    },
    ...options,
  });
  return { room, disk, wanted, time };
}

const diskWith = (freeBytes: number) => ({ freeBytes, totalBytes: 1000 });
/** Reserves the space and gives it back immediately. */
async function fits(room: DiskRoom, bytes: number, by = signal): Promise<void> {
  const claim = room.open(() => 0);
  await claim.take(bytes, by);
  claim.close();
}

const fails = async () => Promise.reject(new Error('gone'));
const isRefused = (error: unknown) => isCacheError(error, 'store-unavailable');

test('minfree is a tenth, at most its limit, and at most half of the space that others leave', () => {
  assert.equal(minFreeBytes(tenth, diskWith(900), 0), 100);
  assert.equal(minFreeBytes({ ...tenth, maxBytes: 30 }, diskWith(900), 0), 30);
  assert.equal(minFreeBytes(tenth, diskWith(60), 40), 50);
  assert.equal(minFreeBytes({ ...tenth, shareOfLeft: 1 }, diskWith(60), 0), 60);
  assert.equal(reserveBytes(tenth, 1000), 10);
  assert.equal(reserveBytes({ ...tenth, maxBytes: 0 }, 1000), 0);
  assert.equal(reserveBytes({ ...tenth, maxBytes: Infinity }, 10 ** 12), 64 * 1024 * 1024);
  assert.equal(reserveBytes(noMinFree, 10 ** 12), 0);
});

test('while there is plenty of space no fetch waits, and the index is not queried', async () => {
  const { room, wanted, time } = startDisk({ heldBytes: () => assert.fail('asked'), others: 500 });
  await fits(room, 400);
  assert.deepEqual([wanted, time.nowMs], [[], 0]);
});

test('reserved bytes count until they are written or released', async () => {
  const { room, disk } = startDisk();
  let written = 0;
  const claim = room.open(() => written);
  await claim.take(600, signal);
  await assert.rejects(fits(room, 500), isRefused);
  written = 600;
  disk.spooled = 600;
  await fits(room, 300);
  await assert.rejects(fits(room, 400), isRefused);
  disk.spooled = 0;
  claim.close();
  await fits(room, 900);
});

test('two fetches that check at the same time do not get the same space', async () => {
  const { room } = startDisk();
  const claims = [room.open(() => 0), room.open(() => 0)];
  const [first, second] = await Promise.allSettled(claims.map((claim) => claim.take(600, signal)));
  assert.deepEqual([first!.status, second!.status], ['fulfilled', 'rejected']);
});

test('eviction frees the missing bytes, and the fetch waits while it does', async () => {
  const { room, disk, wanted } = startDisk({ held: 850, evict: 10 });
  await fits(room, 300);
  assert.ok(1000 - disk.held - 300 >= 100);
  assert.deepEqual([wanted[0], wanted.at(-1)], [300, 0]);
});

test('if nothing is evicted, a fetch uses the space of minfree, but not the reserve', async () => {
  const { room, time } = startDisk({ held: 850 });
  await fits(room, 130);
  assert.equal(time.nowMs, 10_000);
  assert.equal(room.full, undefined);
  await assert.rejects(fits(room, 145), isRefused);
});

test('an index that responds only sometimes does not count as freed space', async () => {
  let looks = 0;
  const heldBytes = async () => ((looks += 1) % 2 === 0 ? fails() : 850);
  const { room, time } = startDisk({ held: 850, heldBytes });
  await fits(room, 130);
  assert.equal(time.nowMs, 10_000);
});

test('after a wait without success no fetch waits for a minute, unless space is freed', async () => {
  const { room, disk, time } = startDisk({ held: 850 });
  await assert.rejects(fits(room, 200), isRefused);
  const waitedMs = time.nowMs;
  await assert.rejects(fits(room, 200), isRefused);
  assert.equal(time.nowMs, waitedMs);
  assert.match(room.full ?? '', /150 of 1000 bytes free, of which storage\.minfree keeps 100/);
  disk.evict = 10;
  disk.held -= 1;
  await fits(room, 200);
  assert.ok(time.nowMs > waitedMs);
  assert.equal(room.full, undefined);
});

test('a fetch that does not fit even into an empty store is refused immediately, without eviction', async () => {
  const { room, wanted, time } = startDisk({ held: 850 });
  await assert.rejects(fits(room, 995), /not enough space.*storage\.filesystem\.rootdirectory.*storage\.minfree/);
  assert.deepEqual([wanted, time.nowMs, room.full], [[], 0, undefined]);
});

test('on a disk that others have filled beyond minfree, a fetch that fits does not wait', async () => {
  const literal = { share: 1, maxBytes: 400, shareOfLeft: 1 };
  const { room, time } = startDisk({ others: 800, minFree: literal });
  await fits(room, 150);
  assert.equal(time.nowMs, 0);
  await assert.rejects(fits(room, 195), isRefused);
  assert.match(room.full ?? '', /200 of 1000 bytes free/);
});

test('three fetches at the same time do not get the space of minfree while something can be evicted', async () => {
  const { room, disk, wanted } = startDisk({ held: 700, evict: 100, minFree: { ...tenth, shareOfLeft: 1 } });
  const claims = Array.from({ length: 3 }, () => room.open(() => 0));
  await Promise.all(claims.map((claim) => claim.take(95, signal)));
  assert.ok(1000 - disk.held - 3 * 95 >= 100);
  assert.ok(wanted.some((bytes) => bytes > 0));
});

test('before the upstream request nothing is evicted, and only impossible sizes are refused', async () => {
  const { room, wanted, time } = startDisk({ held: 850 });
  await room.admit(200);
  await assert.rejects(room.admit(995), isRefused);
  assert.deepEqual([wanted, time.nowMs], [[], 0]);
  await assert.rejects(fits(room, 200), isRefused);
  const waitedMs = time.nowMs;
  await assert.rejects(room.admit(200), isRefused);
  await room.admit(130);
  assert.equal(time.nowMs, waitedMs);
});

test('small changes of free space on a busy disk do not extend the wait', async () => {
  const { room, time } = startDisk({ held: 850, onWant: (disk) => void (disk.others = 5 - disk.others) });
  await assert.rejects(fits(room, 200), isRefused);
  assert.equal(time.nowMs, 10_000);
  await assert.rejects(fits(room, 200), isRefused);
  assert.equal(time.nowMs, 10_000);
});

test('a fetch waits while others free a fair share of the missing bytes', async () => {
  const { room, disk, time } = startDisk({ held: 400, others: 450, onWant: () => void (disk.others -= 2) });
  await fits(room, 200);
  assert.ok(time.nowMs > 10_000);
  assert.ok(disk.others <= 300);
});

test('a file system that does not report its size refuses nothing', async () => {
  await fits(startDisk({ space: async () => undefined }).room, 10_000);
});

test('a small fetch does not wait behind a large one', async () => {
  const { room } = startDisk({ held: 600, evict: 1 });
  const order: string[] = [];
  const large = fits(room, 500).then(
    () => order.push('large'),
    () => order.push('large refused'),
  );
  await fits(room, 100).then(() => order.push('small'));
  await large;
  assert.equal(order[0], 'small');
});

test('a disk or an index that cannot be queried refuses nothing', async () => {
  await fits(startDisk({ space: fails }).room, 10_000);
  const { room } = startDisk({ heldBytes: fails, want: fails, held: 850 });
  await fits(room, 120);
});

test('a fetch whose signal aborts stops waiting', async () => {
  const leaving = new AbortController();
  const { room } = startDisk({
    held: 850,
    want: async (bytes) => void (bytes > 0 && leaving.abort(new Error('left'))),
  });
  await assert.rejects(fits(room, 200, leaving.signal), /left/);
});

test('a fetch whose signal aborts between two checks rejects with the reason of its signal', async () => {
  const leaving = new AbortController();
  const room = createDiskRoom({
    name: 'The disk',
    minFree: tenth,
    space: async () => diskWith(150),
    heldBytes: async () => 850,
  });
  const waiting = fits(room, 200, leaving.signal);
  setImmediate(() => leaving.abort(new Error('lease lost')));
  await assert.rejects(waiting, /^Error: lease lost$/);
});
