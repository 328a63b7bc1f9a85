// Room on a disk, on virtual time: who waits for it, who gets it, who is refused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { createDiskRoom, type DiskRoomOptions } from './disk-room.ts';
import { joinDiskRooms } from './join-disk-rooms.ts';
import { type MinFree, minFreeBytes, noMinFree, reserveBytes } from './min-free.ts';

const tenth: MinFree = { share: 0.1, maxBytes: 20_000, shareOfLeft: 0.5 };
const { signal } = new AbortController();

/** A disk of 1000 bytes. `evict`: what goes at each look while room is wanted. */
function startDisk(options: Partial<DiskRoomOptions> & { held?: number; others?: number; evict?: number } = {}) {
  const disk = { held: options.held ?? 0, others: options.others ?? 0, spooled: 0, evict: options.evict ?? 0 };
  const wanted: number[] = [];
  const time = { nowMs: 0 };
  const room = createDiskRoom({
    name: 'The file system of the store (storage.filesystem.rootdirectory)',
    minFree: tenth,
    space: async () => ({ freeBytes: 1000 - disk.held - disk.others - disk.spooled, totalBytes: 1000 }),
    heldBytes: async () => disk.held,
    want: async (bytes) => void wanted.push(bytes),
    clock: {
      nowMs: () => time.nowMs,
      async delay(ms) {
        time.nowMs += ms;
        disk.held -= Math.min(disk.evict, disk.held);
      },
    },
    ...options,
  });
  return { room, disk, wanted, time };
}

const diskWith = (freeBytes: number) => ({ freeBytes, totalBytes: 1000 });
const fails = async () => Promise.reject(new Error('gone'));
const isRefused = (error: unknown) => isCacheError(error, 'store-unavailable');

test('a tenth is kept, at most so many bytes, and at most half of what others leave', () => {
  assert.equal(minFreeBytes(tenth, diskWith(900), 0), 100);
  assert.equal(minFreeBytes({ ...tenth, maxBytes: 30 }, diskWith(900), 0), 30);
  assert.equal(minFreeBytes(tenth, diskWith(60), 40), 50);
  assert.equal(minFreeBytes({ ...tenth, shareOfLeft: 1 }, diskWith(60), 0), 60);
  assert.equal(reserveBytes(tenth, 1000), 10);
  assert.equal(reserveBytes({ ...tenth, maxBytes: 0 }, 1000), 0);
  assert.equal(reserveBytes({ ...tenth, maxBytes: Infinity }, 10 ** 12), 64 * 1024 * 1024);
  assert.equal(reserveBytes(noMinFree, 10 ** 12), 0);
});

test('while there is plenty nobody waits, and the index is not asked', async () => {
  const { room, wanted, time } = startDisk({ heldBytes: () => assert.fail('asked'), others: 500 });
  await room.admit(400, signal);
  assert.deepEqual([wanted, time.nowMs], [[], 0]);
});

test('what is taken and not written counts until it is written or let go', async () => {
  const { room, disk } = startDisk();
  let written = 0;
  const claim = room.open(() => written);
  await claim.take(600, signal);
  await assert.rejects(room.admit(500, signal), isRefused);
  written = 600;
  disk.spooled = 600;
  await room.admit(300, signal);
  await assert.rejects(room.admit(400, signal), isRefused);
  disk.spooled = 0;
  claim.close();
  await room.admit(900, signal);
});

test('two that look at the same time do not get the same room', async () => {
  const { room } = startDisk();
  const claims = [room.open(() => 0), room.open(() => 0)];
  const [first, second] = await Promise.allSettled(claims.map((claim) => claim.take(600, signal)));
  assert.deepEqual([first!.status, second!.status], ['fulfilled', 'rejected']);
});

test('eviction is asked for what is missing, and the fetch waits while something goes', async () => {
  const { room, disk, wanted } = startDisk({ held: 850, evict: 10 });
  await room.admit(300, signal);
  assert.ok(1000 - disk.held - 300 >= 100);
  assert.deepEqual([wanted[0], wanted.at(-1)], [300, 0]);
});

test('where nothing goes after all, a fetch takes what minfree has, but not the last of it', async () => {
  const { room, time } = startDisk({ held: 850 });
  await room.admit(130, signal);
  assert.equal(time.nowMs, 10_000);
  assert.equal(room.full, undefined);
  await assert.rejects(room.admit(145, signal), isRefused);
});

test('after a wait that was of no use nobody waits for a minute, unless something goes', async () => {
  const { room, disk, time } = startDisk({ held: 850 });
  await assert.rejects(room.admit(200, signal), isRefused);
  const waitedMs = time.nowMs;
  await assert.rejects(room.admit(200, signal), isRefused);
  assert.equal(time.nowMs, waitedMs);
  assert.match(room.full ?? '', /150 of 1000 bytes free, of which storage\.minfree keeps 100/);
  disk.evict = 10;
  disk.held -= 1;
  await room.admit(200, signal);
  assert.ok(time.nowMs > waitedMs);
  assert.equal(room.full, undefined);
});

test('what does not fit even into an empty store is refused at once, and nothing is evicted for it', async () => {
  const { room, wanted, time } = startDisk({ held: 850 });
  await assert.rejects(room.admit(995, signal), /no room.*storage\.filesystem\.rootdirectory.*storage\.minfree/);
  assert.deepEqual([wanted, time.nowMs, room.full], [[], 0, undefined]);
});

test('on a disk that others have filled beyond minfree, what fits is fetched without a wait', async () => {
  const literal = { share: 1, maxBytes: 400, shareOfLeft: 1 };
  const { room, time } = startDisk({ others: 800, minFree: literal });
  await room.admit(150, signal);
  assert.equal(time.nowMs, 0);
  await assert.rejects(room.admit(195, signal), isRefused);
  assert.match(room.full ?? '', /200 of 1000 bytes free/);
});

test('a small fetch does not wait behind a large one', async () => {
  const { room } = startDisk({ held: 600, evict: 1 });
  const order: string[] = [];
  const large = room.admit(500, signal).then(
    () => order.push('large'),
    () => order.push('large refused'),
  );
  await room.admit(100, signal).then(() => order.push('small'));
  await large;
  assert.equal(order[0], 'small');
});

test('a disk that cannot be asked refuses nothing, nor does an index', async () => {
  await startDisk({ space: fails }).room.admit(10_000, signal);
  const { room } = startDisk({ heldBytes: fails, want: fails, held: 850 });
  await room.admit(120, signal);
});

test('one that leaves waits no longer', async () => {
  const leaving = new AbortController();
  const { room } = startDisk({
    held: 850,
    want: async (bytes) => void (bytes > 0 && leaving.abort(new Error('left'))),
  });
  await assert.rejects(room.admit(200, leaving.signal), /left/);
});

test('where each byte is written twice, or to two disks, there has to be room for both', async () => {
  const twice = startDisk({ copies: 2 });
  await assert.rejects(twice.room.admit(500, signal), isRefused);
  await twice.room.admit(400, signal);
  const [store, spool] = [startDisk(), startDisk({ others: 700, minFree: noMinFree, name: 'The spool' })];
  const both = joinDiskRooms([store.room, spool.room]);
  await assert.rejects(both.admit(301, signal), /The spool/);
  const claim = both.open(() => 0);
  await claim.take(200, signal);
  await assert.rejects(both.admit(200, signal), /The spool/);
  assert.match(both.full ?? '', /The spool/);
  claim.close();
  await both.admit(200, signal);
});
