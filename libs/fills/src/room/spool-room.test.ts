// Tests space in the spool, on virtual time: which fills get it or wait for it, and which segments are freed.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';
import { seeded } from '@cistern/oci/testing';
import { isCacheError } from '@cistern/errors';
import { createSpoolRoom } from './spool-room.ts';

const { signal } = new AbortController();

function startRoom({ maxBytes = 100, perFillBytes = 60 } = {}) {
  const used: number[] = [];
  const room = createSpoolRoom({ maxBytes, perFillBytes, onUsed: (bytes) => used.push(bytes) });
  /** A fill that frees one of its `evictable` pieces per call. */
  const enter = async (floorBytes: number, ending = signal) => {
    const evictable: (() => void)[] = [];
    const freeOne = () => {
      const release = evictable.shift();
      release?.();
      return release !== undefined;
    };
    const entered = await room.enter({ floorBytes, freeOne, signal: ending });
    return { ...entered, evictable };
  };
  return { room, enter, used };
}

/** Returns whether `promise` still waits after everything else has settled. */
async function waits(promise: Promise<unknown>): Promise<boolean> {
  let isSettled = false;
  const settle = () => void (isSettled = true);
  promise.then(settle, settle);
  await delay(1);
  return !isSettled;
}

test('a fill has its floor from the beginning, and gets more while some is free', async () => {
  const { room, enter } = startRoom();
  const first = await enter(20);
  const second = await enter(20);
  assert.equal(room.usedBytes, 40);
  const releases = [await first.take(10, signal), await first.take(10, signal)];
  assert.equal(room.usedBytes, 40);
  releases.push(await first.take(30, signal));
  assert.equal(room.usedBytes, 70);
  assert.ok(second.tryTake(30));
  assert.equal(second.tryTake(1), undefined);
  assert.equal(room.usedBytes, 100);
  for (const release of releases) release();
  assert.equal(room.usedBytes, 70);
  first.hasEnded();
  assert.equal(room.usedBytes, 50);
  second.close();
  first.close();
  assert.equal(room.usedBytes, 0);
});

test('space is returned only one time, even if the fill was closed before', async () => {
  const { room, enter, used } = startRoom();
  const fill = await enter(20);
  const release = await fill.take(50, signal);
  release();
  release();
  assert.equal(room.usedBytes, 20);
  const late = await fill.take(50, signal);
  fill.close();
  fill.close();
  late();
  assert.equal(room.usedBytes, 0);
  assert.equal(used.at(-1), 0);
});

test('a fill that has its maximum waits for its own progress', async () => {
  const { room, enter } = startRoom();
  const fill = await enter(20);
  for (let taken = 0; taken < 6; taken += 1) fill.evictable.push(await fill.take(10, signal));
  const held = fill.evictable.splice(0);
  const waiting = fill.take(10, signal);
  assert.ok(await waits(waiting));
  assert.equal(fill.tryTake(10), undefined);
  fill.evictable.push(...held);
  fill.progressed();
  await waiting;
  assert.equal(fill.evictable.length, 5);
  assert.equal(room.usedBytes, 60);
});

test('bytes ahead leave the floor to bytes in order, and both together stay within the limit of a fill', async () => {
  const { room, enter } = startRoom();
  const fill = await enter(20);
  assert.ok(fill.tryTake(40));
  assert.equal(fill.tryTake(1), undefined);
  await fill.take(20, signal);
  assert.equal(room.usedBytes, 60);
});

test('a wait for space ends with its signal', async () => {
  const { enter } = startRoom();
  const fill = await enter(20);
  await fill.take(60, signal);
  const stopping = new AbortController();
  const waiting = fill.take(10, stopping.signal);
  stopping.abort(new Error('stopped'));
  await assert.rejects(waiting, /stopped/);
  await assert.rejects(fill.take(10, AbortSignal.abort(new Error('before'))), /before/);
});

test('a fill that wants more gets the space of evictable segments, first of the fill with the most space', async () => {
  const { enter } = startRoom();
  const [large, small, wanting] = [await enter(10), await enter(10), await enter(10)];
  for (let taken = 0; taken < 5; taken += 1) large.evictable.push(await large.take(10, signal));
  for (let taken = 0; taken < 3; taken += 1) small.evictable.push(await small.take(10, signal));
  assert.ok(wanting.tryTake(20));
  assert.deepEqual([large.evictable.length, small.evictable.length], [4, 3]);
});

test('fills get their floors in order, and before others get more than their floors', async () => {
  const { enter } = startRoom();
  const fill = await enter(20);
  const held = await fill.take(60, signal);
  const order: string[] = [];
  const large = enter(70).then((entered) => (order.push('large'), entered));
  const small = enter(10).then((entered) => (order.push('small'), entered));
  assert.ok(await waits(Promise.race([large, small])));
  assert.equal(fill.tryTake(1), undefined);
  held();
  const more = fill.take(40, signal).then((release) => (order.push('more'), release));
  await large;
  await small;
  assert.deepEqual(order, ['large', 'small']);
  (await large).close();
  (await more)();
});

test('a fill that leaves the queue lets the next ones pass', async () => {
  const { room, enter } = startRoom();
  const fill = await enter(40);
  const stopping = new AbortController();
  const first = enter(70, stopping.signal);
  const second = enter(60);
  assert.ok(await waits(second));
  assert.ok(room.isWaitedFor);
  stopping.abort(new Error('stopped'));
  await assert.rejects(first, /stopped/);
  await second;
  assert.equal(room.isWaitedFor, false);
  assert.equal(room.usedBytes, 100);
  fill.close();
});

test('two fills that can continue at the same moment do not get the same space', async () => {
  const { room, enter, used } = startRoom({ perFillBytes: 90 });
  const [one, other] = [await enter(10), await enter(10)];
  const held = await one.take(80, signal);
  const entering = enter(60);
  const taking = other.take(50, signal);
  await delay(1);
  held();
  await entering;
  await delay(1);
  assert.ok(Math.max(...used, room.usedBytes) <= 100, `${Math.max(...used)} of 100`);
  one.close();
  assert.ok(await waits(taking));
});

test('for a fill that begins, others free only as much as it needs', async () => {
  const { enter } = startRoom();
  const fill = await enter(10);
  const held = [];
  for (let taken = 0; taken < 6; taken += 1) held.push(await fill.take(10, signal));
  await (await enter(20)).take(40, signal);
  const entering = enter(20);
  assert.ok(await waits(entering));
  fill.evictable.push(...held);
  fill.progressed();
  assert.ok(fill.tryTake(10));
  await entering;
  assert.equal(fill.evictable.length, 3);
});

test('a fill is refused after half a minute without space, and immediately if it can never fit', async () => {
  const { room, enter } = startRoom();
  await (await enter(10)).take(60, signal);
  const startedMs = performance.now();
  await assert.rejects(
    enter(50),
    (error) => isCacheError(error, 'overloaded') && error.isLocal && error.retryAfterMs === 5_000,
  );
  assert.equal(Math.round(performance.now() - startedMs), 30_000);
  await assert.rejects(enter(101), (error) => isCacheError(error, 'too-large') && !error.retryable);
  assert.equal(room.isWaitedFor, false);
  assert.equal(room.usedBytes, 60);
});

test('a shortage is reported if nothing can be freed, or if other fills wait', async () => {
  const { room, enter } = startRoom();
  const fill = await enter(10);
  fill.evictable.push(await fill.take(30, signal));
  await fill.take(30, signal);
  assert.ok(isCacheError(room.findShortage(101, 100), 'too-large'));
  assert.equal(room.findShortage(70, 100), undefined);
  assert.equal(fill.evictable.length, 0);
  assert.ok(isCacheError(room.findShortage(71, 100), 'overloaded'));
  assert.ok(isCacheError(room.findShortage(30, 50), 'overloaded'));
  const stopping = new AbortController();
  const waiting = enter(80, stopping.signal);
  assert.ok(isCacheError(room.findShortage(1, 100), 'overloaded'));
  stopping.abort();
  await assert.rejects(waiting);
});

interface Piece {
  isComplete: boolean;
  isStored: boolean;
  release: (() => void) | undefined;
}

/**
 * A fill with pieces of ten bytes, reserved in order and ahead. They are hashed in order, stored in any order, and freed on
 * demand.
 */
async function simulateFill(started: ReturnType<typeof startRoom>, random: (below: number) => number) {
  const { room } = started;
  const pieces: Piece[] = Array.from({ length: 1 + random(20) }, () => ({
    isComplete: false,
    isStored: false,
    release: undefined,
  }));
  let hashed = 0;
  const isPinned = (piece: Piece, at: number) => piece.release !== undefined && !(at < hashed && piece.isStored);
  const freeOne = () => {
    const piece = pieces.find((one, at) => one.release !== undefined && !isPinned(one, at));
    piece?.release?.();
    if (piece !== undefined) piece.release = undefined;
    return piece !== undefined;
  };
  const entered = await room.enter({ floorBytes: Math.min(2, pieces.length) * 10, freeOne, signal });
  const check = () => assert.ok(pieces.filter(isPinned).length * 10 <= 60, 'more is pinned than a fill may have');
  const bring = async (piece: Piece) => {
    check();
    await delay(random(50));
    piece.isComplete = true;
    const finish = async () => {
      await delay(random(80));
      piece.isStored = true;
      entered.progressed();
    };
    const storing = finish();
    while (pieces[hashed]?.isComplete === true) hashed += 1;
    entered.progressed();
    return storing;
  };
  const all: Promise<unknown>[] = [];
  const isTaken = new Set<Piece>();
  for (const [at, piece] of pieces.entries()) {
    if (isTaken.has(piece)) continue;
    const ahead = pieces[at + 1 + random(6)];
    if (random(3) === 0 && ahead !== undefined && !isTaken.has(ahead)) {
      ahead.release = entered.tryTake(10);
      if (ahead.release !== undefined) {
        isTaken.add(ahead);
        all.push(bring(ahead));
      }
    }
    isTaken.add(piece);
    piece.release = await entered.take(10, signal);
    const brought = bring(piece);
    all.push(brought);
    while (!piece.isComplete) await delay(1);
  }
  await Promise.all(all);
  entered.hasEnded();
  await delay(random(200));
  entered.close();
}

for (let seed = 1; seed <= 12; seed += 1)
  test(`many fills share the spool, and every one of them ends (${seed})`, async () => {
    const random = seeded(seed);
    const maxBytes = 60 + random(140);
    const started = startRoom({ maxBytes });
    const { room, used } = started;
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, async () => {
        await delay(random(2_000));
        await simulateFill(started, random);
      }),
    );
    for (const result of results) if (result.status === 'rejected') throw result.reason;
    assert.ok(Math.max(...used) <= maxBytes, `${Math.max(...used)} of ${maxBytes}`);
    assert.equal(room.usedBytes, 0);
  });
