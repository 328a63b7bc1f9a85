import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openStage, seededBytes } from '../src/open-stage.ts';
import { sendRequest } from '../src/send-request.ts';
import { assertAnswer, edgeCases, shorten, size } from './edge-cases.ts';

const { upstream, cistern } = await openStage({ after });

for (const isNamed of [true, false])
  for (const [range, expected] of edgeCases)
    test(`${shorten(range)} of a cold blob ${isNamed ? 'named by a manifest' : 'unknown to the cache'} gets the expected response`, async () => {
      const blob = seededBytes(size, `${range} ${isNamed}`);
      const image = upstream.addImage('library/app', { tag: 'latest', layers: [blob] });
      const digest = image.layers[0]!.digest;
      if (isNamed) await sendRequest(`${cistern.url}/v2/library/app/manifests/latest`);
      const answer = await sendRequest(`${cistern.url}/v2/library/app/blobs/${digest}`, { headers: { range } });
      assertAnswer(answer, blob, expected);
      assert.ok(upstream.count({ digest, method: 'GET' }) <= 1, 'however many ranges, one request for the bytes');
    });

test('a far range of a large cold blob is fetched separately, before the bytes in front of it', async () => {
  const blob = seededBytes(12_000_000, 'far');
  const image = upstream.addImage('library/app', { tag: 'latest', layers: [blob] });
  const digest = image.layers[0]!.digest;
  await sendRequest(`${cistern.url}/v2/library/app/manifests/latest`);
  const [start, end] = [11_000_000, 11_000_999];
  const answer = await sendRequest(`${cistern.url}/v2/library/app/blobs/${digest}`, {
    headers: { range: `bytes=${start}-${end}` },
  });
  assertAnswer(answer, blob, [[start, end]]);
  const [first] = upstream.requests({ digest, method: 'GET' });
  assert.equal(first?.range, `bytes=${start}-${end}`);
});
