import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createGate } from '@cistern/fake-upstream';
import { openStage, seededBytes } from '../src/open-stage.ts';
import { beginDownload, sendRequest } from '../src/send-request.ts';
import { until } from '../src/until.ts';
import { assertAnswer, edgeCases, shorten, size } from './edge-cases.ts';

const { upstream, cistern } = await openStage({ after });

test('every edge is served while two thirds of the blob have arrived', async (t) => {
  const blob = seededBytes(size, 'in flight');
  const { digest } = upstream.addBlob('library/app', blob);
  const url = `${cistern.url}/v2/library/app/blobs/${digest}`;
  const present = 200_000;
  const gate = createGate();
  upstream.addFault({ digest, method: 'GET' }, { gate });
  gate.allow(present);
  const first = await beginDownload(url);
  await first.untilReceived(present);

  const answered = new Set<string>();
  const requests = edgeCases.map(async ([range, expected]) => {
    const answer = await sendRequest(url, { headers: { range } });
    answered.add(range);
    return { range, expected, answer };
  });
  // A range within the received bytes does not wait for the rest.
  const within = edgeCases
    .filter(
      ([, expected]) => expected === 'none' || (expected !== 'whole' && expected.every(([, end]) => end < present)),
    )
    .map(([range]) => range);
  await until('ranges of received bytes are answered', () => within.every((range) => answered.has(range)));
  assert.ok(answered.size < edgeCases.length, 'the others wait');

  gate.release();
  for (const { range, expected, answer } of await Promise.all(requests))
    await t.test(shorten(range), () => {
      assertAnswer(answer, blob, expected);
      if (answer.status !== 416) assert.equal(answer.headers['x-cache'], 'JOINED');
    });
  const whole = await first.ended;
  assert.ok(whole.complete && whole.body.equals(blob));
  assert.equal(upstream.count({ digest, method: 'GET' }), 1);
});

test('a range far ahead is fetched separately while the fill is blocked', async () => {
  const blob = seededBytes(12_000_000, 'far ahead');
  const { digest } = upstream.addBlob('library/app', blob);
  const url = `${cistern.url}/v2/library/app/blobs/${digest}`;
  const gate = createGate();
  upstream.addFault({ digest, method: 'GET', times: 1 }, { gate });
  gate.allow(100_000);
  const first = await beginDownload(url);
  await first.untilReceived(100_000);
  const [start, end] = [10_000_000, 10_999_999];
  const answer = await sendRequest(url, { headers: { range: `bytes=${start}-${end}` } });
  assertAnswer(answer, blob, [[start, end]]);
  assert.equal(gate.passed(), 100_000);
  gate.release();
  const whole = await first.ended;
  assert.ok(whole.complete && whole.body.equals(blob));
});
