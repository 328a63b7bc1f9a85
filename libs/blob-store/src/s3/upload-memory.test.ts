// Measures the memory of the upload of a large blob. It counts the bytes that were read from segments and that the
// server has not received yet.
import assert from 'node:assert/strict';
import test from 'node:test';
import { digestOf } from '@cistern/oci';
import { startScriptedServer } from './fixtures/scripted-server.ts';
import { createUploadScript } from './fixtures/upload-script.ts';

const mebibyte = 1024 * 1024;

test('an upload of 1 GiB holds only a few MiB in memory at a time', async (t) => {
  const size = 1024 * mebibyte;
  const segmentBytes = 16 * mebibyte;
  const chunk = Buffer.alloc(mebibyte / 4);
  const seen = { read: 0, arrived: 0, most: 0 };
  const script = createUploadScript();
  script.release();
  const server = await startScriptedServer(t, (request, response) => {
    if (request.method !== 'PUT') return script.answer(request, response);
    request.on('data', (arrived: Buffer) => (seen.arrived += arrived.length));
    request.once('end', () => response.writeHead(200, { etag: '"e"' }).end());
  });
  const store = await server.open();
  const upload = await store.beginUpload(digestOf(chunk), { size, segmentBytes });
  const body = {
    length: segmentBytes,
    sha256: '0'.repeat(64),
    async *open() {
      for (let at = 0; at < segmentBytes; at += chunk.length) {
        seen.read += chunk.length;
        seen.most = Math.max(seen.most, seen.read - seen.arrived);
        yield chunk;
      }
    },
  };
  await Promise.all(Array.from({ length: size / segmentBytes }, (_, number) => upload.put(number, body)));
  await upload.complete();
  assert.deepEqual([seen.read, seen.arrived], [size, size]);
  t.diagnostic(`${(seen.most / mebibyte).toFixed(2)} MiB at most`);
  assert.ok(seen.most <= 4 * mebibyte, `${seen.most} bytes`);
});
