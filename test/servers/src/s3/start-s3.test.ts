import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type S3, startS3 } from './start-s3.ts';

let s3: S3;
before(async () => {
  s3 = await startS3();
});
after(async () => s3.close());

const ownServer = { skip: process.env['S3_ENDPOINT'] !== undefined && 'the server of S3_ENDPOINT cannot be stopped' };

const request = (timeoutMs: number) => fetch(s3.endpoint, { signal: AbortSignal.timeout(timeoutMs) });

test('the gateway speaks S3', async () => {
  const answer = await request(30_000);
  assert.match(await answer.text(), /<ListAllMyBucketsResult|<Error>/);
});

test('a stopped gateway refuses connections, and starts again at the same address', ownServer, async () => {
  await s3.stop();
  await s3.stop();
  await assert.rejects(request(30_000), (error: Error) => /ECONNREFUSED/.test((error.cause as Error).message));
  await s3.start();
  await s3.start();
  assert.equal((await request(30_000)).status, 200);
});

test('a frozen gateway answers once it is thawed, and can be closed while frozen', ownServer, async () => {
  s3.freeze();
  // A thread that handles a request stops a moment after the signal. So requests are repeated until one times out.
  await assert.rejects(
    async () => {
      for (;;) await request(200);
    },
    { name: 'TimeoutError' },
  );
  const answer = request(30_000);
  s3.thaw();
  assert.equal((await answer).status, 200);
  s3.freeze();
  await s3.close();
  await s3.close();
  await assert.rejects(request(30_000), TypeError);
});
