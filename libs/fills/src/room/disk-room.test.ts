// Room on a disk, on virtual time: who waits for it, who gets it, who is refused.
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

/** A disk of 1000 bytes. `evict`: what goes at each look while room is wanted. `onWant` runs then. */
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
/** Takes the room for a moment. */
async function fits(room: DiskRoom, bytes: number, by = signal): Promise<void> {
  const claim = room.open(() => 0);
  await claim.take(bytes, by);
  claim.close();
}

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
  await fits(room, 400);
  assert.deepEqual([wanted, time.nowMs], [[], 0]);
});

test('what is taken and not written counts until it is written or let go', async () => {
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

test('two that look at the same time do not get the same room', async () => {
  const { room } = startDisk();
  const claims = [room.open(() => 0), room.open(() => 0)];
  const [first, second] = await Promise.allSettled(claims.map((claim) => claim.take(600, signal)));
  assert.deepEqual([first!.status, second!.status], ['fulfilled', 'rejected']);
});

test('eviction is asked for what is missing, and the fetch waits while something goes', async () => {
  const { room, disk, wanted } = startDisk({ held: 850, evict: 10 });
  await fits(room, 300);
  assert.ok(1000 - disk.held - 300 >= 100);
  assert.deepEqual([wanted[0], wanted.at(-1)], [300, 0]);
});

test('where nothing goes after all, a fetch takes what minfree has, but not the last of it', async () => {
  const { room, time } = startDisk({ held: 850 });
  await fits(room, 130);
  assert.equal(time.nowMs, 10_000);
  assert.equal(room.full, undefined);
  await assert.rejects(fits(room, 145), isRefused);
});

test('an index that answers only now and then is no sign that something goes', async () => {
  let looks = 0;
  const heldBytes = async () => ((looks += 1) % 2 === 0 ? fails() : 850);
  const { room, time } = startDisk({ held: 850, heldBytes });
  await fits(room, 130);
  assert.equal(time.nowMs, 10_000);
});

test('after a wait that was of no use nobody waits for a minute, unless something goes', async () => {
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

test('what does not fit even into an empty store is refused at once, and nothing is evicted for it', async () => {
  const { room, wanted, time } = startDisk({ held: 850 });
  await assert.rejects(fits(room, 995), /no room.*storage\.filesystem\.rootdirectory.*storage\.minfree/);
  assert.deepEqual([wanted, time.nowMs, room.full], [[], 0, undefined]);
});

test('on a disk that others have filled beyond minfree, what fits is fetched without a wait', async () => {
  const literal = { share: 1, maxBytes: 400, shareOfLeft: 1 };
  const { room, time } = startDisk({ others: 800, minFree: literal });
  await fits(room, 150);
  assert.equal(time.nowMs, 0);
  await assert.rejects(fits(room, 195), isRefused);
  assert.match(room.full ?? '', /200 of 1000 bytes free/);
});

test('three that look at the same time are not granted what minfree keeps while something can be evicted', async () => {
  const { room, disk, wanted } = startDisk({ held: 700, evict: 100, minFree: { ...tenth, shareOfLeft: 1 } });
  const claims = Array.from({ length: 3 }, () => room.open(() => 0));
  await Promise.all(claims.map((claim) => claim.take(95, signal)));
  assert.ok(1000 - disk.held - 3 * 95 >= 100);
  assert.ok(wanted.some((bytes) => bytes > 0));
});

test('before upstream is asked nothing is evicted, and only what cannot fit is refused', async () => {
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

test('bytes that come and go on a busy disk are no reason to wait longer', async () => {
  const { room, time } = startDisk({ held: 850, onWant: (disk) => void (disk.others = 5 - disk.others) });
  await assert.rejects(fits(room, 200), isRefused);
  assert.equal(time.nowMs, 10_000);
  await assert.rejects(fits(room, 200), isRefused);
  assert.equal(time.nowMs, 10_000);
});

test('a fetch waits while others free a fair part of what it lacks', async () => {
  const { room, disk, time } = startDisk({ held: 400, others: 450, onWant: () => void (disk.others -= 2) });
  await fits(room, 200);
  assert.ok(time.nowMs > 10_000);
  assert.ok(disk.others <= 300);
});

test('a file system that does not say its size refuses nothing', async () => {
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

test('a disk that cannot be asked refuses nothing, nor does an index', async () => {
  await fits(startDisk({ space: fails }).room, 10_000);
  const { room } = startDisk({ heldBytes: fails, want: fails, held: 850 });
  await fits(room, 120);
});

test('one that leaves waits no longer', async () => {
  const leaving = new AbortController();
  const { room } = startDisk({
    held: 850,
    want: async (bytes) => void (bytes > 0 && leaving.abort(new Error('left'))),
  });
  await assert.rejects(fits(room, 200, leaving.signal), /left/);
});

test('one that leaves between two looks gets the reason of its signal', async () => {
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
