// No client notices a broken upstream connection if the upstream answers Range requests for the rest.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createGate } from '@cistern/fake-upstream';
import { openStage, seededBytes } from '../src/open-stage.ts';
import { beginDownload, sendRequest } from '../src/send-request.ts';

const size = 3_000_000;
const { upstream, cistern } = await openStage({ after });

function addBlob(seed: string) {
  const bytes = seededBytes(size, seed);
  const { digest } = upstream.addBlob('library/app', bytes);
  return { bytes, digest, url: `${cistern.url}/v2/library/app/blobs/${digest}` };
}

for (const [how, fault] of [
  ['reset', { resetAfterBytes: 1_000_000 }],
  ['ended', { endAfterBytes: 1_000_000 }],
] as const)
  test(`a connection that is ${how} costs one more request, for the rest`, async () => {
    const { bytes, digest, url } = addBlob(how);
    const gate = createGate();
    upstream.addFault({ digest, method: 'GET', times: 1 }, { ...fault, gate });
    gate.allow(500_000);
    const download = await beginDownload(url);
    await download.untilReceived(250_000);
    gate.release();
    const answer = await download.ended;
    assert.equal(answer.status, 200);
    assert.ok(answer.complete && answer.body.equals(bytes));
    const [first, second, ...others] = upstream.requests({ digest, method: 'GET' });
    assert.equal(others.length, 0);
    assert.equal(first?.range, undefined);
    assert.ok(second?.status === 206 && second.range !== undefined);
    // The kernel may drop the last bytes before a reset.
    const [, offset] = /^bytes=(\d+)-$/.exec(second.range) ?? [];
    assert.ok(Number(offset) >= 250_000 && Number(offset) <= 1_000_000, second.range);
    assert.equal(second.bytesSent, size - Number(offset));
  });

test('each break of a connection costs one request, and every byte is fetched once', async () => {
  const { bytes, digest, url } = addBlob('several');
  upstream.addFault({ digest, method: 'GET', times: 3 }, { endAfterBytes: 700_000 });
  const answer = await sendRequest(url);
  assert.ok(answer.complete && answer.body.equals(bytes));
  assert.deepEqual(
    upstream.requests({ digest, method: 'GET' }).map(({ range }) => range),
    [undefined, 'bytes=700000-', 'bytes=1400000-', 'bytes=2100000-'],
  );
  assert.equal(upstream.bytesSent(digest), size);
});

test('the metrics count resumed bodies', async () => {
  const { body } = await sendRequest(`${cistern.metricsUrl}/metrics`);
  assert.match(body.toString(), /^cistern_upstream_resumes_total\{upstream="docker\.io"\} 5$/m);
});
