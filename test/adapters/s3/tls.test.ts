// Tests reads and writes over TLS, where a body arrives in other chunks than over a plain connection.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempDisposable, readFile } from 'node:fs/promises';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import test, { type TestContext, after } from 'node:test';
import { createServer, getCACertificates, setDefaultCACertificates } from 'node:tls';
import { bodyOf, putBytes } from '@cistern/blob-store';
import { isCacheError } from '@cistern/errors';
import { digestOf } from '@cistern/oci';
import { makeCertificateFiles, startS3 } from '@cistern/test-servers';
import { openTestBucket } from './open-test-bucket.ts';
import { readBlob } from './read-blob.ts';

const s3 = await startS3();
after(async () => s3.close());

/** Serves the store over TLS. Returns its address and the certificate of its CA. */
async function serveByTls(t: TestContext) {
  await using directory = await mkdtempDisposable(join(tmpdir(), 'cistern-s3-tls-'));
  const { caFile, certFile, keyFile } = await makeCertificateFiles(directory.path);
  const { hostname, port } = new URL(s3.endpoint);
  const server = createServer({ cert: await readFile(certFile), key: await readFile(keyFile) }, (socket) => {
    const behind = connect(Number(port), hostname);
    for (const run of [pipeline(socket, behind), pipeline(behind, socket)]) run.catch(() => {});
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const endpoint = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { endpoint, certificate: await readFile(caFile, 'utf8') };
}

test('blobs are read and written over TLS on a server with a trusted certificate', async (t) => {
  const { endpoint, certificate } = await serveByTls(t);
  const bucket = openTestBucket(t, s3);
  const bytes = randomBytes(20_000_003);
  const digest = digestOf(bytes);
  await putBytes(await bucket.open(), digest, bytes);
  await assert.rejects(bucket.open({ endpoint }), (error) => isCacheError(error, 'store-unavailable'));
  setDefaultCACertificates([...getCACertificates(), certificate]);
  const store = await bucket.open({ endpoint });
  for (let round = 0; round < 2; round += 1) assert.ok((await readBlob(store, digest)).equals(bytes));
  const reader = await store.open(digest, { start: 70_001, end: 5_000_000 });
  assert.ok(reader);
  const buffer = Buffer.alloc(300_001);
  for (let at = 70_001; at <= 5_000_000;) {
    const length = await reader.read(buffer);
    assert.ok(length > 0 && buffer.subarray(0, length).equals(bytes.subarray(at, at + length)));
    at += length;
  }
  await reader.close();

  assert.equal(store.wantsSha256, false);
  const segmentBytes = 6_000_000;
  const upload = await store.beginUpload(digest, { size: bytes.length, segmentBytes });
  for (const number of [3, 1, 0, 2])
    await upload.put(number, bodyOf(bytes.subarray(number * segmentBytes, (number + 1) * segmentBytes)));
  assert.equal(await store.remove(digest), true);
  await upload.complete();
  assert.ok((await readBlob(store, digest)).equals(bytes));
  await store.put(digest, bodyOf(bytes));
  assert.ok((await readBlob(store, digest)).equals(bytes));
});
