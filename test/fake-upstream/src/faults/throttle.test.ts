import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exchange } from '../exchange.ts';
import { withFakeUpstream } from '../with-fake-upstream.ts';
import { createThrottle } from './throttle.ts';

const size = 4_000_000;
const ranges = ['0-999999', '1000000-1999999', '2000000-2999999', '3000000-3999999'];

/** Returns the milliseconds to fetch four quarters of a blob at the same time. */
async function fetchQuarters(options: Parameters<typeof createThrottle>[0]): Promise<number> {
  let tookMs = 0;
  await withFakeUpstream({}, async (upstream) => {
    const { digest } = upstream.addBlob('app', { size, seed: 1 });
    upstream.addFault({ endpoint: 'blob' }, { throttle: createThrottle(options) });
    // real-time: a lower bound, which a slow machine only exceeds
    const beganAtMs = performance.now();
    await Promise.all(
      ranges.map(async (range) => {
        const url = `${upstream.url}/v2/app/blobs/${digest}`;
        const { body } = await exchange(url, { headers: { range: `bytes=${range}` } });
        assert.equal(body.length, size / 4);
      }),
    );
    // real-time: a lower bound, which a slow machine only exceeds
    tookMs = performance.now() - beganAtMs;
  });
  return tookMs;
}

test('each connection has its own rate', async (t) => {
  const tookMs = await fetchQuarters({ perConnection: 2_000_000 });
  t.diagnostic(`${tookMs.toFixed()} ms`);
  assert.ok(tookMs >= 300);
});

test('all connections share a rate', async (t) => {
  const tookMs = await fetchQuarters({ perConnection: 100_000_000, sum: 4_000_000 });
  t.diagnostic(`${tookMs.toFixed()} ms`);
  assert.ok(tookMs >= 800);
});

test('connections take turns', async () => {
  const throttle = createThrottle({ sum: 1_000_000 });
  const order: string[] = [];
  const send = async (name: string) => {
    const pace = throttle.begin();
    for (let chunk = 0; chunk < 4; chunk += 1) {
      await pace(50_000);
      order.push(name);
    }
  };
  await Promise.all([send('a'), send('b')]);
  assert.equal(order.join(''), 'abababab');
});
