import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';
import type { BlobBody, BlobStore } from '@cistern/blob-store';
import { CacheError } from '@cistern/errors';
import { parseDigest } from '@cistern/oci';
import { bytesOf } from '@cistern/oci/testing';
import { until } from '@cistern/runtime/testing';
import { createLogger } from '@cistern/telemetry';
import { createMemoryFiles } from '../testing/memory-files.ts';
import { createSegments } from '../spool/segments.ts';
import { createSegmentStore } from './store-segments.ts';

const segmentBytes = 100;
const digest = parseDigest(`sha256:${'a'.repeat(64)}`);
const log = createLogger({ level: 'error', formatter: 'json', destination: { write() {} } });
const unavailable = new CacheError('store-unavailable', 'The store is down.');
const noRoom = new CacheError('store-unavailable', 'The store is full.', { detail: { code: 'NO_ROOM' } });

type Step = 'begin' | 'put' | 'complete' | 'whole' | 'adopt' | 'abort';

interface StartOptions {
  readonly size: number;
  readonly path?: string;
  readonly hasSha256?: boolean;
  /** Called and awaited in each step of the store. It may throw. */
  readonly onStep?: (step: Step, segment?: number) => Promise<void> | void;
}

async function read(body: BlobBody): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body.open()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function startStore({ size, path, hasSha256 = false, onStep = () => {} }: StartOptions) {
  const bytes = bytesOf(size);
  const steps: (Step | number)[] = [];
  const stored = new Map<number, Buffer>();
  const shas: (string | undefined)[] = [];
  const step = async (name: Step, segment?: number) => {
    steps.push(segment ?? name);
    await onStep(name, segment);
  };
  const put = async (number: number, body: BlobBody) => {
    const content = await read(body);
    assert.equal(content.length, body.length);
    stored.set(number, content);
    shas.push(body.sha256);
  };
  const store = {
    async put(_: unknown, body: BlobBody) {
      await step('whole');
      await put(0, body);
    },
    async beginUpload(_: unknown, options: unknown) {
      await step('begin');
      assert.deepEqual(options, { size, segmentBytes });
      return {
        id: 'upload',
        present: new Set<number>(),
        async put(number: number, body: BlobBody) {
          await step('put', number);
          await put(number, body);
        },
        complete: () => step('complete'),
        abort: () => step('abort'),
      };
    },
    adoptFile: () => step('adopt'),
  } as unknown as BlobStore;
  let isLeft = false;
  const files = { ...createMemoryFiles(), path, leaveFile: () => (isLeft = true) };
  const segments = createSegments({ size, segmentBytes, files, hasSha256 });
  const stopping = new AbortController();
  const counts = { changed: 0, refused: 0 };
  const storing = createSegmentStore({
    store,
    digest,
    segments,
    files,
    log,
    signal: stopping.signal,
    onChange: () => (counts.changed += 1),
    onRefused: () => (counts.refused += 1),
  });
  const add = async (...indices: number[]) => {
    for (const index of indices) {
      const { start, end } = segments.at(index);
      await segments.append(start, [bytes.subarray(start, end)]);
      storing.add(segments.at(index));
    }
  };
  const whole = () => Buffer.concat([...segments].map(({ index }) => stored.get(index) ?? Buffer.alloc(0)));
  return { storing, segments, add, steps, stopping, counts, shas, bytes, whole, isLeft: () => isLeft };
}

test('segments are uploaded as they complete, in any order, and become visible at the commit', async () => {
  const { storing, segments, add, steps, bytes, whole, shas } = await startStore({ size: 350, hasSha256: true });
  await add(3, 1);
  await until(() => segments.at(3).isStored && segments.at(1).isStored);
  assert.deepEqual(steps, ['begin', 3, 1]);
  assert.equal(segments.at(0).isStored, false);
  await add(0, 2);
  assert.equal(await storing.commit(), true);
  assert.deepEqual(steps, ['begin', 3, 1, 0, 2, 'complete']);
  assert.ok(whole().equals(bytes));
  assert.ok([...segments].every(({ isStored }) => isStored));
  assert.ok(shas.every((sha) => sha?.length === 64));
  assert.equal(storing.failingForMs, 0);
});

test('a blob of one segment is uploaded by one put, after it has been verified', async () => {
  const { storing, add, steps, bytes, whole } = await startStore({ size: 70 });
  await add(0);
  await delay(100);
  assert.deepEqual(steps, []);
  assert.equal(await storing.commit(), true);
  assert.deepEqual(steps, ['whole']);
  assert.ok(whole().equals(bytes));
});

test('a file in the store’s own directory becomes the blob, and its segments are not uploaded', async () => {
  const { storing, segments, add, steps, isLeft } = await startStore({ size: 350, path: '/spool/a.fill' });
  await add(0, 1, 2, 3);
  assert.equal(await storing.commit(), true);
  assert.deepEqual(steps, ['adopt']);
  assert.ok(isLeft());
  assert.ok([...segments].every(({ isStored }) => !isStored));
  const empty = await startStore({ size: 0, path: '/spool/a.fill' });
  assert.equal(await empty.storing.commit(), true);
  assert.ok(empty.isLeft());
});

test('only a few segments are uploaded at the same time', async () => {
  let underWay = 0;
  let most = 0;
  const { storing, add } = await startStore({
    size: 2_000,
    async onStep(step) {
      if (step !== 'put') return;
      underWay += 1;
      most = Math.max(most, underWay);
      await delay(10);
      underWay -= 1;
    },
  });
  await add(...Array.from({ length: 20 }, (_, at) => at));
  assert.equal(await storing.commit(), true);
  assert.equal(most, 4);
});

test('a store that is down is retried for as long as the fill runs', async () => {
  let isUnavailable = true;
  const { storing, segments, add, counts } = await startStore({
    size: 250,
    onStep() {
      if (isUnavailable) throw unavailable;
    },
  });
  await add(0, 1, 2);
  await delay(120_000);
  assert.ok(storing.failingForMs >= 120_000);
  assert.equal(storing.isGivenUp, false);
  assert.equal(counts.refused, 0);
  assert.ok(counts.changed > 0);
  isUnavailable = false;
  await until(() => segments.at(0).isStored);
  assert.equal(storing.failingForMs, 0);
  assert.equal(await storing.commit(), true);
});

for (const [name, size] of [
  ['with one segment', 70],
  ['with many segments', 350],
] as const)
  test(`a verified blob ${name} that the store refuses for a minute is not stored`, async () => {
    const { storing, segments, add, counts } = await startStore({
      size,
      onStep(step) {
        if (step === 'whole' || step === 'complete') throw unavailable;
      },
    });
    await add(...[...segments].map(({ index }) => index));
    const startedMs = performance.now();
    assert.equal(await storing.commit(), false);
    assert.ok(storing.isGivenUp);
    assert.equal(counts.refused, 1);
    const tookMs = performance.now() - startedMs;
    assert.ok(tookMs >= 60_000 && tookMs < 66_000, `${tookMs} ms`);
  });

test('a commit that fails for a moment is retried, without the segments', async () => {
  let failures = 2;
  const { storing, add, steps } = await startStore({
    size: 250,
    onStep(step) {
      if (step === 'complete' && (failures -= 1) >= 0) throw unavailable;
    },
  });
  await add(0, 1, 2);
  assert.equal(await storing.commit(), true);
  assert.deepEqual(steps, ['begin', 0, 1, 2, 'complete', 'complete', 'complete']);
});

test('a store without space is not retried', async () => {
  for (const size of [70, 350]) {
    const { storing, segments, add, steps } = await startStore({
      size,
      onStep() {
        throw noRoom;
      },
    });
    await add(...[...segments].map(({ index }) => index));
    assert.equal(await storing.commit(), false);
    assert.ok(storing.isGivenUp);
    assert.ok(steps.every((step) => step === 'begin' || step === 'whole'));
  }
});

test('a store that is given up gets no more segments, and this is reported once', async () => {
  const { storing, add, steps, counts } = await startStore({ size: 350 });
  await add(0);
  await until(() => steps.length === 2);
  storing.giveUp(unavailable);
  storing.giveUp(unavailable);
  const { changed } = counts;
  await add(1, 2, 3);
  assert.equal(await storing.commit(), false);
  assert.deepEqual(steps, ['begin', 0]);
  assert.equal(counts.changed, changed);
});

test('the end of the fill ends running writes, and aborts the upload', async () => {
  const { storing, add, steps, stopping } = await startStore({
    size: 350,
    onStep(_, segment) {
      if (segment === 1) throw unavailable;
    },
  });
  await add(0, 1, 2);
  await until(() => steps.includes(2));
  stopping.abort(new Error('the worker shuts down'));
  await assert.rejects(storing.commit(), /the worker shuts down/);
  await storing.abort();
  assert.equal(steps.at(-1), 'abort');
  const tries = steps.length;
  await add(3);
  await delay(60_000);
  assert.equal(steps.length, tries);
});

test('an upload that cannot be aborted does not fail the fill', async () => {
  const { storing, add, stopping, steps } = await startStore({
    size: 350,
    onStep(step) {
      if (step === 'abort') throw unavailable;
    },
  });
  await add(0);
  await until(() => steps.includes(0));
  stopping.abort();
  await storing.abort();
  const never = await startStore({ size: 350 });
  await never.storing.abort();
  assert.deepEqual(never.steps, []);
});

test('an upload that is still starting when the fill ends is also aborted', async () => {
  const beginning = Promise.withResolvers<void>();
  const { storing, add, steps, stopping } = await startStore({
    size: 350,
    onStep: (step) => (step === 'begin' ? beginning.promise : undefined),
  });
  await add(0);
  stopping.abort();
  const aborting = storing.abort();
  beginning.resolve();
  await aborting;
  assert.equal(steps.at(-1), 'abort');
});
