// Checks responses of the simulated S3 server that the conformance suite does not cover. AWS documents them for each
// request.
import '../virtual-time.ts';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { putBytes } from '@cistern/blob-store';
import { digestOf } from '@cistern/oci';
import { bucketName, openSimulatedBucket } from './fixtures/open-simulated-bucket.ts';

const part = Buffer.alloc(5 * 1024 * 1024, 'part');
const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex');

async function openServer(t: TestContext) {
  const bucket = await openSimulatedBucket(t);
  const store = await bucket.open();
  const call = (method: string, path: string, body: string | Buffer = '', headers: Record<string, string> = {}) =>
    callAt(new URL(`/${bucketName}${path}`, bucket.s3.endpoint), method, body, headers);
  return { ...bucket, objects: bucket.objects, store, call };
}

interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Only errors have a code. */
  readonly code: string | undefined;
}

async function readAnswer(response: IncomingMessage): Promise<Answered> {
  const body = await buffer(response);
  const code = /<Code>(\w+)<\/Code>/.exec(body.toString('latin1'))?.[1];
  return { status: response.statusCode ?? 0, headers: response.headers, body, code };
}

function callAt(url: URL, method: string, body: string | Buffer, headers: Record<string, string>): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const length = { 'content-length': String(Buffer.byteLength(body)) };
    const sent = request(url, { method, headers: { ...length, ...headers }, agent: false }, (response) => {
      resolve(readAnswer(response));
    });
    sent.on('error', reject).end(body);
  });
}

test('ranges get status 206, and ranges outside of the object get 416', async (t) => {
  const { call } = await openServer(t);
  assert.equal((await call('PUT', '/a', '0123456789')).headers.etag, `"${md5(Buffer.from('0123456789'))}"`);
  for (const [range, status, text, contentRange] of [
    ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
    ['bytes=7-', 206, '789', 'bytes 7-9/10'],
    ['bytes=-2', 206, '89', 'bytes 8-9/10'],
    ['bytes=8-100', 206, '89', 'bytes 8-9/10'],
    ['lines=1-2', 200, '0123456789', undefined],
  ] as const) {
    const answer = await call('GET', '/a', '', { range });
    assert.deepEqual(
      [answer.status, answer.body.toString(), answer.headers['content-range']],
      [status, text, contentRange],
    );
  }
  const { status, code } = await call('GET', '/a', '', { range: 'bytes=10-' });
  assert.deepEqual([status, code], [416, 'InvalidRange']);
});

test('a body with another hash than the one it was signed with is rejected', async (t) => {
  const { call, objects } = await openServer(t);
  const headers = { 'x-amz-content-sha256': createHash('sha256').update('other').digest('hex') };
  assert.equal((await call('PUT', '/a', 'body', headers)).code, 'XAmzContentSHA256Mismatch');
  assert.equal(objects.size, 0);
});

test('a body whose connection ends before its last byte stores nothing', async (t) => {
  const { s3, objects } = await openServer(t);
  const { port } = new URL(s3.endpoint);
  const socket = connect(Number(port), '127.0.0.1').on('error', () => {});
  socket.end(`PUT /${bucketName}/a HTTP/1.1\r\nHost: s3\r\nContent-Length: 10\r\n\r\n012345678`);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  assert.equal(objects.size, 0);
});

test('an upload becomes one object of the named parts, in their order and with their ETags', async (t) => {
  const { call, objects, s3 } = await openServer(t);
  const { uploads } = s3.contents.buckets.get(bucketName)!;
  const begun = await call('POST', '/a?uploads');
  const id = encodeURIComponent(/<UploadId>(.*)<\/UploadId>/.exec(begun.body.toString())![1]!);
  const send = (number: number, bytes: Buffer) => call('PUT', `/a?partNumber=${number}&uploadId=${id}`, bytes);
  const complete = (...parts: readonly (readonly [number, string])[]) => {
    const list = parts.map(([number, etag]) => `<Part><PartNumber>${number}</PartNumber><ETag>"${etag}"</ETag></Part>`);
    return call('POST', `/a?uploadId=${id}`, `<CompleteMultipartUpload>${list.join('')}</CompleteMultipartUpload>`);
  };
  const small = Buffer.from('small');
  assert.equal((await send(2, small)).headers.etag, `"${md5(small)}"`);
  await send(7, part);
  await send(1, Buffer.from('replaced'));
  await send(1, part);
  assert.equal((await send(10_001, small)).code, 'InvalidArgument');
  const big = md5(part);
  for (const [parts, code] of [
    [[], 'MalformedXML'],
    [
      [
        [2, md5(small)],
        [1, big],
      ],
      'InvalidPartOrder',
    ],
    [
      [
        [1, big],
        [1, big],
      ],
      'InvalidPartOrder',
    ],
    [[[1, md5(Buffer.from('replaced'))]], 'InvalidPart'],
    [
      [
        [1, big],
        [3, big],
      ],
      'InvalidPart',
    ],
    [
      [
        [2, md5(small)],
        [7, big],
      ],
      'EntityTooSmall',
    ],
  ] as const)
    assert.equal((await complete(...parts)).code, code);
  assert.deepEqual([objects.size, uploads.size], [0, 1]);
  assert.equal((await complete([1, big], [2, md5(small)])).status, 200);
  assert.ok(objects.get('a')!.bytes.equals(Buffer.concat([part, small])));
  assert.equal(objects.get('a')!.etag, `${md5(Buffer.from(big + md5(small), 'hex'))}-2`);
  assert.equal((await complete([1, big], [2, md5(small)])).code, 'NoSuchUpload');
  assert.equal((await send(3, small)).code, 'NoSuchUpload');
});

test('the parts of an upload are listed in order and in pages', async (t) => {
  const { call, s3 } = await openServer(t);
  const begun = await call('POST', '/a?uploads');
  const id = /<UploadId>(.*)<\/UploadId>/.exec(begun.body.toString())![1]!;
  const { parts } = s3.contents.buckets.get(bucketName)!.uploads.get(id)!;
  for (let number = 1_500; number > 0; number -= 1) parts.set(number, { bytes: part, etag: 'e' });
  const numbers = async (more: string) => {
    const { body } = await call('GET', `/a?uploadId=${encodeURIComponent(id)}${more}`);
    return [...body.toString().matchAll(/<PartNumber>(\d+)/g)].map(([, number]) => Number(number));
  };
  assert.deepEqual(
    await numbers(''),
    Array.from({ length: 1_000 }, (_, at) => at + 1),
  );
  assert.deepEqual(
    await numbers('&part-number-marker=1000'),
    Array.from({ length: 500 }, (_, at) => at + 1_001),
  );
  assert.equal((await call('GET', '/a?uploadId=1')).code, 'NoSuchUpload');
});

test('a long listing is split into pages', async (t) => {
  const { s3, objects, store } = await openServer(t);
  const wanted = Array.from({ length: 2_500 }, (_, i) => `cistern/a b&<${i}>`);
  for (const key of wanted) objects.set(key, { bytes: part, etag: 'e', type: 't', modifiedAtMs: 0 });
  assert.deepEqual((await Array.fromAsync(store.listObjects('cistern/'))).sort(), wanted.toSorted());
  const { uploads } = s3.contents.buckets.get(bucketName)!;
  for (let i = 0; i < 1_500; i += 1)
    uploads.set(`id${i}`, { key: `docker/registry/v2/blobs/${i}`, type: 't', begunAtMs: 0, parts: new Map() });
  assert.equal(await store.sweepUploads(1_000), 1_500);
  assert.equal(uploads.size, 0);
});

test('a signed URL works until it expires', async (t) => {
  const { store } = await openServer(t);
  const bytes = Buffer.from('bytes');
  await putBytes(store, digestOf(bytes), bytes);
  const url = new URL(await store.presign(digestOf(bytes), { expiresMs: 10_000 }));
  const { status, body, headers } = await callAt(url, 'GET', '', {});
  assert.deepEqual([status, body, headers['content-type']], [200, bytes, 'application/octet-stream']);
  await new Promise((resolve) => setTimeout(resolve, 12_000));
  assert.equal((await callAt(url, 'GET', '', {})).code, 'AccessDenied');
});

test('a request that the adapter never sends is rejected as not implemented', async (t) => {
  const { call } = await openServer(t);
  for (const [method, path] of [
    ['GET', '?list-type=2&delimiter=/'],
    ['GET', '?versioning'],
  ] as const)
    assert.equal((await call(method, path)).code, 'NotImplemented', `${method} ${path}`);
});
