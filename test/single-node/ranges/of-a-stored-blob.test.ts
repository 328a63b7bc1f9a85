import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openStage, seededBytes } from '../src/open-stage.ts';
import { sendRequest } from '../src/send-request.ts';
import { until } from '../src/until.ts';
import { assertAnswer, edgeCases, shorten, size } from './edge-cases.ts';

const { upstream, cistern } = await openStage({ after });
const blob = seededBytes(size, 'stored');
const { digest } = upstream.addBlob('library/app', blob);
const url = `${cistern.url}/v2/library/app/blobs/${digest}`;
await sendRequest(url);
// The client may get the last byte a moment before the blob is committed.
await until(
  'the blob is stored',
  async () => (await sendRequest(url, { method: 'HEAD' })).headers['x-cache'] === 'HIT',
);
upstream.reset();

for (const [range, expected] of edgeCases)
  test(`${shorten(range)} of a stored blob gets the expected response`, async () => {
    const answer = await sendRequest(url, { headers: { range } });
    assertAnswer(answer, blob, expected);
    if (answer.status !== 416) assert.equal(answer.headers['x-cache'], 'HIT');
  });

test('HEAD ignores Range', async () => {
  const { status, headers, body } = await sendRequest(url, { method: 'HEAD', headers: { range: 'bytes=0-9' } });
  assert.equal(status, 200);
  assert.equal(headers['content-length'], String(size));
  assert.equal(body.length, 0);
});

test('a Range with an If-Range applies only if that is the entity tag', async () => {
  const cases = [
    [`"${digest}"`, [[0, 9]]],
    [`W/"${digest}"`, 'whole'],
    ['"other"', 'whole'],
    [digest, 'whole'],
    ['Sat, 29 Oct 1994 19:43:31 GMT', 'whole'],
  ] as const;
  for (const [ifRange, expected] of cases)
    assertAnswer(await sendRequest(url, { headers: { range: 'bytes=0-9', 'if-range': ifRange } }), blob, expected);
});

test('none of these requests reached upstream', () => {
  assert.equal(upstream.count(), 0);
});
