import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';
import { CacheError, isCacheError } from '@cistern/errors';
import { bytesOf } from '@cistern/oci/testing';
import type { SourceReader } from '@cistern/streams';
import { until } from '@cistern/runtime/testing';
import { type Answer, type ScriptedGet, scriptUpstream } from '../testing/script-upstream.ts';
import { createSideReads } from './side-reads.ts';

const unreachable = new CacheError('upstream-unreachable', 'unreachable');
const mebibyte = 1024 * 1024;
const bytes = bytesOf(6 * mebibyte);

interface StartOptions {
  /** True if a reader can wait for bytes that no side read delivers. */
  readonly mayWait?: boolean;
  readonly answer?: (get: ScriptedGet) => Answer;
  /** A range that was requested before. */
  readonly prepared?: { readonly from: number; readonly toExclusive: number };
}

async function startReads({ answer = () => ({}), prepared, mayWait = false }: StartOptions = {}) {
  const upstream = scriptUpstream({ bytes, chunkBytes: mebibyte / 4, answer });
  let counted = 0;
  const failures: unknown[] = [];
  const sides = createSideReads({
    size: bytes.length,
    segmentBytes: 16 * mebibyte,
    get: upstream.get,
    requestedBefore: 0,
    first: prepared && { body: await upstream.get(prepared), endExclusive: prepared.toExclusive },
    onBytes: (count) => (counted += count),
    onFailed(error) {
      failures.push(error);
      return mayWait;
    },
  });
  const requests = () => upstream.gets.map(({ from, toExclusive }) => [from, toExclusive]);
  return { sides, gets: upstream.gets, requests, failures, counted: () => counted };
}

async function readAll(reader: SourceReader): Promise<Buffer> {
  const into = Buffer.alloc(100_000);
  const chunks: Buffer[] = [];
  for (let length = await reader.read(into); length > 0; length = await reader.read(into))
    chunks.push(Buffer.from(into.subarray(0, length)));
  await reader.close();
  return Buffer.concat(chunks);
}

test('readers at one offset share a GET, others have their own, and all get their bytes', async () => {
  const { sides, requests, counted, gets } = await startReads({ answer: () => ({ chunkMs: () => 5 }) });
  const places = [10, 10, 10, 3 * mebibyte] as const;
  const bodies = await Promise.all(places.map(async (from) => readAll(sides.open(from, from + mebibyte))));
  for (const [at, body] of bodies.entries()) assert.ok(body.equals(bytes.subarray(places[at], places[at]! + mebibyte)));
  assert.deepEqual(requests(), [
    [10, 10 + mebibyte],
    [3 * mebibyte, 4 * mebibyte],
  ]);
  assert.equal(counted(), 2 * mebibyte);
  assert.equal(sides.requestedBytes, 2 * mebibyte);
  assert.equal(sides.count, 0);
  assert.ok(gets.every(({ isOver }) => isOver));
  await sides.close();
});

test('one side read returns a range of limited size', async () => {
  const { sides } = await startReads();
  assert.equal(sides.endOf(5, 100 * mebibyte), 5 + 64 * mebibyte);
  assert.equal(sides.endOf(5, mebibyte), mebibyte);
  await sides.close();
});

test('a body that was requested before goes only to the first reader at its offset', async () => {
  const { sides, gets } = await startReads({ prepared: { from: 100, toExclusive: 5_000 } });
  assert.ok((await readAll(sides.open(50, 60))).equals(bytes.subarray(50, 60)));
  assert.ok((await readAll(sides.open(100, 5_000))).equals(bytes.subarray(100, 5_000)));
  assert.equal(gets.length, 2);
  assert.ok((await readAll(sides.open(100, 5_000))).equals(bytes.subarray(100, 5_000)));
  assert.equal(gets.length, 3);
  await sides.close();
});

test('bytes of a body requested before count if they arrive, although the read ends earlier', async () => {
  const { sides, counted } = await startReads({ prepared: { from: 100, toExclusive: 5_000 } });
  assert.ok((await readAll(sides.open(100, 200))).equals(bytes.subarray(100, 200)));
  assert.equal(counted(), 4_900);
  assert.equal(sides.requestedBytes, 4_900);
  await sides.close();
});

test('a reader that wants more than the body requested before gets all its bytes', async () => {
  const { sides, gets } = await startReads({ prepared: { from: 100, toExclusive: 5_000 } });
  const [long, short] = await Promise.all([readAll(sides.open(100, 9_000)), readAll(sides.open(100, 5_000))]);
  assert.ok(short.equals(bytes.subarray(100, 5_000)));
  assert.ok(long.equals(bytes.subarray(100, 9_000)));
  await sides.close();
  assert.ok(gets.every(({ isOver }) => isOver));
});

test('a body without readers is closed after two seconds', async () => {
  const { sides, gets } = await startReads({ prepared: { from: 100, toExclusive: 5_000 } });
  await delay(1_900);
  assert.equal(gets[0]!.isOver, false);
  await delay(200);
  assert.equal(gets[0]!.isOver, true);
  assert.ok((await readAll(sides.open(100, 5_000))).equals(bytes.subarray(100, 5_000)));
  await sides.close();
});

test('close ends all waiting reads and every GET', async () => {
  const { sides, gets } = await startReads({
    prepared: { from: 5, toExclusive: 6 },
    answer: ({ from }) => ({ gate: (at) => (at > from! ? new Promise(() => {}) : undefined) }),
  });
  const readers = [sides.open(100, mebibyte), sides.open(100, mebibyte), sides.open(mebibyte, 2 * mebibyte)];
  const reading = Promise.allSettled(readers.map(readAll));
  await until(() => gets.length === 3);
  await readers[0]!.close();
  assert.equal(gets[1]!.isOver, false);
  await sides.close();
  assert.equal(sides.count, 0);
  await reading;
  assert.ok(gets.every(({ isOver }) => isOver));
});

test('a reader that closes ends its GET if the GET has no other readers', async () => {
  const { sides, gets } = await startReads({ answer: () => ({ chunkMs: () => 1_000 }) });
  const reader = sides.open(100, mebibyte);
  const read = reader.read(Buffer.alloc(10));
  await until(() => gets.length === 1);
  assert.equal(sides.requestedBytes, mebibyte - 100);
  await reader.close();
  await read.catch(() => {});
  await until(() => gets[0]!.isOver);
  await sides.close();
  assert.equal(sides.requestedBytes, gets[0]!.sentBytes);
});

test('readers get the error of a GET that is refused or cut short, and the next reader sends a new one', async () => {
  let isUnreachable = true;
  const { sides, gets } = await startReads({
    answer({ from }) {
      if (!isUnreachable) return {};
      return from === 0 ? { endAt: 1_000 } : { refuse: unreachable };
    },
  });
  await assert.rejects(readAll(sides.open(5, 6)), (error) => isCacheError(error, 'upstream-unreachable'));
  await assert.rejects(readAll(sides.open(0, 2_000)), (error) => isCacheError(error, 'content-mismatch'));
  isUnreachable = false;
  assert.equal((await readAll(sides.open(5, 6))).length, 1);
  assert.equal(gets.length, 3);
  await sides.close();
});

test('a side read that fails ends early if its reader can wait', async () => {
  const refuse = new CacheError('unsupported', 'no ranges here');
  const { sides, failures } = await startReads({ answer: () => ({ refuse }), mayWait: true });
  const reader = sides.open(5, 100);
  assert.equal(await reader.read(Buffer.alloc(10)), 0);
  assert.deepEqual(failures, [refuse]);
  assert.equal(sides.requestedBytes, 0);
  await reader.close();
  await sides.close();
});
