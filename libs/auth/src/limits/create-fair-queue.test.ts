import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createFairQueue, type FairQueueOptions } from './create-fair-queue.ts';

const limits = { atOnce: 2, atOncePerNetwork: 2, maxWaiting: 10, maxWaitingPerNetwork: 8 };

function start(over: Partial<FairQueueOptions> = {}) {
  const queue = createFairQueue({ ...limits, refusal: () => new Error('full'), ...over });
  const begun: string[] = [];
  let running = 0;
  let peak = 0;
  const run = (clientIp: string, name: string) =>
    queue
      .run(clientIp, async () => {
        begun.push(name);
        peak = Math.max(peak, (running += 1));
        await delay(10);
        running -= 1;
        return name;
      })
      .catch((error: Error) => error.message);
  const many = (clientIp: string, count: number) =>
    Array.from({ length: count }, (_, at) => run(clientIp, `${clientIp}#${at}`));
  return { queue, begun, run, many, peak: () => peak };
}

test('the number of running tasks is bounded, in total and per network', async () => {
  const all = start();
  await Promise.all([...all.many('192.0.2.1', 4), ...all.many('192.0.2.2', 4)]);
  assert.deepEqual([all.peak(), all.begun.length], [2, 8]);
  const one = start({ atOnce: 5, atOncePerNetwork: 1 });
  await Promise.all(one.many('192.0.2.1', 4));
  assert.equal(one.peak(), 1);
});

test('a network with few tasks waits for one turn of each other network', async () => {
  const { many, run, begun } = start({ atOnce: 1 });
  const flood = [...many('192.0.2.1', 8)];
  const late = run('192.0.2.9', 'late');
  await Promise.all([...flood, late]);
  assert.deepEqual(begun.slice(0, 3), ['192.0.2.1#0', '192.0.2.1#1', 'late']);
});

test('a network beyond its places is rejected, and others are not', async () => {
  const { many } = start();
  const flood = await Promise.all([...many('192.0.2.1', 20), ...many('192.0.2.2', 1)]);
  assert.equal(flood.filter((one) => one === 'full').length, 10);
  assert.equal(flood.at(-1), '192.0.2.2#0');
});

test('the longest queue gives up a place when all are taken', async () => {
  const { many, run } = start();
  const floods = [...many('192.0.2.1', 8), ...many('192.0.2.2', 8)];
  const late = run('192.0.2.3', 'late');
  const ended = await Promise.all(floods);
  assert.equal(await late, 'late');
  assert.equal(ended.filter((one) => one !== 'full').length, 2 + 10 - 1);
});

test('all addresses of one IPv6 network share one queue', async () => {
  const { run } = start({ maxWaitingPerNetwork: 1 });
  const addresses = Array.from({ length: 10 }, (_, at) => `2001:db8:0:1::${at}`);
  const ended = await Promise.all(addresses.map((address) => run(address, address)));
  assert.equal(ended.filter((one) => one === 'full').length, 7);
});

test('a failed task frees its place', async () => {
  const { queue, run } = start({ atOnce: 1 });
  await assert.rejects(
    queue.run('192.0.2.1', async () => Promise.reject(new Error('wrong'))),
    /wrong/,
  );
  assert.equal(await run('192.0.2.1', 'next'), 'next');
});
