import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { rotatedBody } from '@cistern/fake-upstream';
import { startGeneratingS3 } from './start-generating-s3.ts';

const mebibyte = 1024 * 1024;
const name = 'ab'.repeat(32);
const blob = { digest: `sha256:${name}`, size: 17 * mebibyte, seed: 1 };
const bytes = Buffer.concat([...rotatedBody(blob).read(0, blob.size)]);
const parts = [bytes.subarray(0, 16 * mebibyte), bytes.subarray(16 * mebibyte)] as const;

async function open(t: TestContext) {
  const s3 = await startGeneratingS3([blob]);
  t.after(() => s3.close());
  const url = `${s3.endpoint}/bucket/blobs/${name}/data`;
  const begun = await (await fetch(`${url}?uploads`, { method: 'POST' })).text();
  const [, id] = /<UploadId>(.*)<\/UploadId>/.exec(begun) ?? [];
  return {
    s3,
    url,
    put: async (number: number, body: Buffer, signed = createHash('sha256').update(body).digest('hex')) => {
      const headers = { 'x-amz-content-sha256': signed };
      const part = `${url}?partNumber=${number}&uploadId=${id}`;
      return (await fetch(part, { method: 'PUT', headers, body: new Uint8Array(body) })).status;
    },
    complete: async () => (await fetch(`${url}?uploadId=${id}`, { method: 'POST', body: '<parts/>' })).status,
  };
}

test('an upload of the right parts becomes the object, in any order of arrival', async (t) => {
  const { s3, url, put, complete } = await open(t);
  assert.equal((await fetch(url)).status, 404);
  assert.deepEqual([await put(2, parts[1]), await put(1, parts[0])], [200, 200]);
  assert.equal(await complete(), 200);
  assert.equal((await fetch(url, { method: 'HEAD' })).headers.get('content-length'), String(blob.size));
  const answer = await fetch(url, { headers: { range: 'bytes=16777000-16778000' } });
  assert.equal(answer.headers.get('content-range'), `bytes 16777000-16778000/${blob.size}`);
  assert.deepEqual(Buffer.from(await answer.arrayBuffer()), bytes.subarray(16_777_000, 16_778_001));
  const { faults, partBytes, uploads } = await s3.counts();
  assert.deepEqual({ faults, partBytes, uploads }, { faults: [], partBytes: blob.size, uploads: 0 });
});

test('wrong parts are rejected and recorded', async (t) => {
  const { s3, put, complete } = await open(t);
  const wrong = Buffer.from(parts[1]);
  wrong[700_000]! ^= 1;
  const wrongSignature = await put(2, parts[1], createHash('sha256').update('else').digest('hex'));
  assert.deepEqual([await put(1, parts[1]), await put(2, wrong), wrongSignature], [400, 400, 400]);
  assert.deepEqual([await put(1, parts[0]), await put(2, parts[1].subarray(0, 100))], [200, 200]);
  assert.equal(await complete(), 400);
  assert.equal((await s3.counts()).faults.length, 4);
});
