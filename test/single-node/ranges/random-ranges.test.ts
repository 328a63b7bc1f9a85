// Compares randomly chosen ranges with the source, for a stored blob and for one in flight.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openStage, seededBytes } from '../src/open-stage.ts';
import { createRandom, type Random } from '../src/random.ts';
import { sendRequest } from '../src/send-request.ts';
import { assertAnswer, type Expected } from './edge-cases.ts';

const size = 8_000_000;
const seed = 9110;
const { upstream, cistern } = await openStage({ after });
const blob = seededBytes(size, seed);
const { digest } = upstream.addBlob('library/app', blob);
const url = `${cistern.url}/v2/library/app/blobs/${digest}`;

function chooseOne(random: Random): { readonly spec: string; readonly range: readonly [number, number] } {
  const start = random.between(0, size - 1);
  const end = Math.min(start + random.between(0, random.pick([10, 1000, 100_000, 1_000_000])), size - 1);
  const tail = size - random.between(1, 100_000);
  return random.pick([
    { spec: `${start}-${end}`, range: [start, end] },
    { spec: `${tail}-`, range: [tail, size - 1] },
    { spec: `-${size - tail}`, range: [tail, size - 1] },
    { spec: `${tail}-${size + tail}`, range: [tail, size - 1] },
  ]);
}

function chooseRange(random: Random): { readonly range: string; readonly expected: Expected } {
  const chosen: ReturnType<typeof chooseOne>[] = [];
  for (let left = random.pick([1, 1, 2, 5]); left > 0; left -= 1) {
    const one = chooseOne(random);
    // Overlapping ranges would get the whole blob.
    if (chosen.every(({ range }) => one.range[1] < range[0] || one.range[0] > range[1])) chosen.push(one);
  }
  return { range: `bytes=${chosen.map(({ spec }) => spec).join(',')}`, expected: chosen.map(({ range }) => range) };
}

for (const state of ['in flight', 'stored'])
  test(`sixty parallel ranges of a blob that is ${state} are correct (seed ${seed})`, async () => {
    const random = createRandom(state === 'stored' ? seed : seed + 1);
    const slow = upstream.addFault({ digest, method: 'GET' }, { bytesPerSecond: size * 2 });
    const cases = Array.from({ length: 60 }, () => chooseRange(random));
    const whole = state === 'stored' ? undefined : sendRequest(url);
    await Promise.all(
      cases.map(async ({ range, expected }) => {
        const answer = await sendRequest(url, { headers: { range } });
        try {
          assertAnswer(answer, blob, expected);
        } catch (error) {
          throw new Error(range, { cause: error });
        }
      }),
    );
    assert.ok((await whole)?.body.equals(blob) ?? true);
    slow.remove();
  });

test('one request fetched the whole blob, and urgent ranges were fetched separately', () => {
  assert.equal(upstream.count({ digest, method: 'GET', ranged: false }), 1);
  assert.ok(upstream.bytesSent(digest) < 2 * size, `${upstream.bytesSent(digest)} bytes`);
});
