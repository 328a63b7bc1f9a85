// Tests uploads of segments: streaming, limits, order, retries, and the removal of failed uploads.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import test, { type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { until } from '@cistern/runtime/testing';
import { type Digest, digestOf } from '@cistern/oci';
import { rejectsAsUnavailable, sampleBlob } from '../conformance/sample-blob.ts';
import { badBody, failAtEnd, getStuck } from '../conformance/sample-upload.ts';
import { blobKey } from '../key-layout.ts';
import { bodyOf } from '../put-bytes.ts';
import { type Answer, sendError, startScriptedServer } from './fixtures/scripted-server.ts';
import { createUploadScript, uploadId } from './fixtures/upload-script.ts';
import type { S3StoreOptions } from './open-s3-store.ts';

const segmentBytes = 300_000;
const segment = Buffer.alloc(segmentBytes, 'part');
const digest = digestOf(segment);

/** Starts a server and a store. `answer` gets each request first, and returns true if it has sent a response. */
async function open(
  t: TestContext,
  options: Partial<S3StoreOptions> = {},
  answer: (...args: Parameters<Answer>) => boolean = () => false,
) {
  const script = createUploadScript();
  const server = await startScriptedServer(t, (...given) => void (answer(...given) || script.answer(...given)));
  const warnings: string[] = [];
  const store = await server.open({ log: { warn: (_fields, message) => void warnings.push(message) }, ...options });
  const begin = (count: number, of: Digest = digest) =>
    store.beginUpload(of, { size: count * segmentBytes, segmentBytes });
  return { script, server, store, begin, warnings };
}

const isPart = ({ method, url = '' }: IncomingMessage) => method === 'PUT' && url.includes('partNumber=');
const isBlob = ({ method, url = '' }: IncomingMessage) => method === 'PUT' && url.endsWith('/data');

const part = (number: number, size: number) =>
  `<Part><PartNumber>${number}</PartNumber><ETag>&quot;e${number}&quot;</ETag><Size>${size}</Size></Part>`;

async function isPending(promise: Promise<unknown>): Promise<boolean> {
  return Promise.race([promise.then(() => false), delay(30).then(() => true)]);
}

test('a body is sent with its length and SHA-256, which the store computes if it is missing', async (t) => {
  const seen: unknown[] = [];
  const { store, begin, script } = await open(t, {}, ({ method, headers }) => {
    if (method === 'PUT')
      seen.push([headers['content-length'], headers['x-amz-content-sha256'], headers['transfer-encoding']]);
    return false;
  });
  assert.equal(store.wantsSha256, true);
  script.release();
  const { body, seen: unsigned } = badBody(segment, segmentBytes);
  await store.put(digest, { length: segmentBytes, open: body.open });
  const upload = await begin(1);
  const { body: signed, seen: signedSeen } = badBody(segment, segmentBytes);
  await upload.put(0, signed);
  const sha256 = createHash('sha256').update(segment).digest('hex');
  const expected = [`${segmentBytes}`, sha256, undefined];
  assert.deepEqual(seen, [expected, expected]);
  assert.deepEqual([unsigned.opened, signedSeen.opened], [2, 1]);
});

test('the segments of an upload are joined in order, by the ETags of the parts', async (t) => {
  const { script, begin } = await open(t);
  script.release();
  const upload = await begin(3);
  for (const number of [2, 0, 1]) await upload.put(number, bodyOf(segment));
  await upload.complete();
  assert.deepEqual(
    [...script.arrived.keys()],
    [3, 1, 2].map((number) => `${uploadId}/${number}`),
  );
  const named = [...script.completed[0]!.matchAll(/<PartNumber>(\d+)<\/PartNumber>\s*<ETag>(\w+)/g)];
  assert.deepEqual(
    named.map(([, number, etag]) => [number, etag]),
    [
      ['1', 'e'],
      ['2', 'e'],
      ['3', 'e'],
    ],
  );
  assert.deepEqual(script.aborted, []);
});

test('an upload sends four parts at a time, and all uploads together 32, in the order of their calls', async (t) => {
  const { script, begin, store } = await open(t);
  const one = await begin(40);
  const puts = Array.from({ length: 40 }, (_, number) => one.put(number, bodyOf(segment)));
  await until(() => script.arrived.size === 4);
  await delay(100);
  assert.equal(script.arrived.size, 4);
  const blobs = Array.from({ length: 31 }, (_, at) => sampleBlob(1000 + at));
  let stored = 0;
  puts.push(
    ...blobs.map(async ({ digest: name, bytes }) => store.put(name, bodyOf(bytes)).then(() => void (stored += 1))),
  );
  await until(() => stored === 31);
  script.release();
  await Promise.all(puts);
  assert.equal(script.arrived.size, 40);
});

test('bodies that stall time out, and waiting blobs are stored afterwards', async (t) => {
  const { script, store, begin, server } = await open(t, { timeoutMs: 15_000 });
  script.release();
  const upload = await begin(50);
  const stuck = Array.from({ length: 50 }, (_, number) => upload.put(number, badBody(segment, 65_000, getStuck).body));
  const others = Array.from({ length: 40 }, (_, at) =>
    store.put(digestOf(Buffer.from(`${at}`)), badBody(segment, 65_000, getStuck).body),
  );
  const failed = Promise.all([...stuck, ...others].map((put) => assert.rejects(put)));
  const { digest: name, bytes } = sampleBlob(100 * 1024);
  const sinceMs = Date.now();
  await store.put(name, bodyOf(bytes));
  const tookMs = Date.now() - sinceMs;
  assert.ok(tookMs <= 16_000, `${tookMs} ms`);
  assert.ok(server.requests.some((request) => request.includes(name.slice(7))));
  await upload.abort();
  await failed;
});

test('sixteen slow bodies do not delay a complete blob', async (t) => {
  const { script, store } = await open(t);
  script.release();
  const size = 65 * 1024;
  const slow = Array.from({ length: 16 }, async (_, at) =>
    store.put(digestOf(Buffer.from(`slow ${at}`)), {
      length: size,
      sha256: '0'.repeat(64),
      async *open() {
        for (let sent = 0; sent < size; sent += 1024) {
          yield Buffer.alloc(1024);
          await delay(1000);
        }
      },
    }),
  );
  const { digest: name, bytes } = sampleBlob(100 * 1024);
  const sinceMs = Date.now();
  await store.put(name, bodyOf(bytes));
  assert.ok(Date.now() - sinceMs < 1000);
  await Promise.all(slow);
});

test('a temporary failure is retried with a new stream, at most twice', async (t) => {
  for (const [failures, tries] of [
    [2, 3],
    [Infinity, 3],
  ] as const) {
    let left = failures;
    const { script, begin } = await open(t, {}, (request, response) => {
      if (!isPart(request) || left <= 0) return false;
      left -= 1;
      // Fails before the body has arrived, after it has arrived, and without a response.
      if (left % 3 === 0) sendError(response, 503, 'SlowDown');
      else if (left % 3 === 1) request.resume().once('end', () => sendError(response, 500, 'InternalError'));
      else request.once('data', () => request.socket.destroy());
      return true;
    });
    script.release();
    const upload = await begin(1);
    const { body, seen } = badBody(segment, segmentBytes);
    if (failures === 2) await upload.put(0, body);
    else await rejectsAsUnavailable(() => upload.put(0, body));
    assert.equal(seen.opened, tries);
    await until(() => seen.ended === tries);
    await upload.abort();
    assert.deepEqual(script.aborted, [uploadId]);
  }
});

test('a rejection before the whole body has arrived ends the body immediately', async (t) => {
  const { store } = await open(t, {}, (request, response) => {
    if (!isBlob(request)) return false;
    sendError(response, 403, 'AccessDenied');
    return true;
  });
  const { body, seen } = badBody(segment, 100_000, getStuck);
  await assert.rejects(store.put(digest, body), /the access key has no permission/);
  assert.deepEqual(seen, { opened: 1, ended: 0 });
});

test('a put fails if the server reports success before the body is complete', async (t) => {
  const { store } = await open(t, {}, (request, response) => {
    if (!isBlob(request)) return false;
    request.once('data', () => response.writeHead(200, { etag: '"e"' }).end());
    return true;
  });
  await rejectsAsUnavailable(() => store.put(digest, badBody(segment, 100_000, () => delay(5000)).body));
});

test('the last bytes of a body are not sent before its end is known', async (t) => {
  let received = 0;
  const { store } = await open(t, {}, (request: IncomingMessage, _response: ServerResponse) => {
    if (!isBlob(request)) return false;
    request.on('data', (chunk: Buffer) => (received += chunk.length)).on('error', () => {});
    return true;
  });
  await assert.rejects(store.put(digest, badBody(segment, segmentBytes, failAtEnd).body), /the disk of the caller/);
  assert.ok(received < segmentBytes);
});

test('an abort waits for the parts that the server is receiving, and its failure is logged', async (t) => {
  let refuses = false;
  const { script, begin, warnings } = await open(t, {}, ({ method }, response) => {
    if (method !== 'DELETE' || !refuses) return false;
    sendError(response, 403, 'AccessDenied');
    return true;
  });
  const upload = await begin(2);
  const left = assert.rejects(upload.put(0, bodyOf(segment)), /aborted/);
  await until(() => script.arrived.size === 1);
  const aborted = upload.abort();
  await left;
  assert.equal(await isPending(aborted), true);
  assert.deepEqual(script.aborted, []);
  script.release();
  await aborted;
  assert.deepEqual(script.aborted, [uploadId]);
  refuses = true;
  await (await begin(2)).abort();
  assert.deepEqual(warnings, ['failed to abort upload, leaving it to sweeper']);
});

test('complete of a missing upload succeeds only if the blob exists with its size', async (t) => {
  let size: number | undefined;
  const { script, begin } = await open(t, {}, ({ method, url = '' }, response) => {
    if (method === 'HEAD' && url.endsWith('/data') && size !== undefined)
      response.writeHead(200, { 'content-length': size, 'last-modified': 'x' }).end();
    else if (method === 'HEAD') response.writeHead(url.endsWith('/data') ? 404 : 200).end();
    else if (method === 'POST' && url.includes('uploadId=')) sendError(response, 404, 'NoSuchUpload');
    else return false;
    return true;
  });
  script.release();
  const upload = await begin(1);
  await upload.put(0, bodyOf(segment));
  await rejectsAsUnavailable(() => upload.complete());
  size = segmentBytes - 1;
  await rejectsAsUnavailable(() => upload.complete());
  size = segmentBytes;
  await upload.complete();
});

test('a resumed upload ignores parts of a wrong length', async (t) => {
  const pages = [
    `<NextPartNumberMarker>2</NextPartNumberMarker><IsTruncated>true</IsTruncated>${part(1, segmentBytes)}${part(2, 7)}`,
    `<IsTruncated>false</IsTruncated>${part(3, 10)}${part(4, segmentBytes)}`,
  ];
  const { script, store, server } = await open(t, {}, ({ method, url = '' }, response) => {
    if (method !== 'GET' || !url.includes('uploadId=')) return false;
    const page = pages[url.includes('part-number-marker=2') ? 1 : 0];
    response.end(`<ListPartsResult>${page}</ListPartsResult>`);
    return true;
  });
  script.release();
  const options = { size: 2 * segmentBytes + 10, segmentBytes, resume: uploadId };
  const upload = await store.beginUpload(digest, options);
  assert.deepEqual([upload.id, [...upload.tags.keys()]], [uploadId, [0, 2]]);
  await upload.put(1, bodyOf(segment));
  await upload.complete();
  assert.deepEqual(
    [...script.completed[0]!.matchAll(/<ETag>(\w+)/g)].map(([, etag]) => etag),
    ['e1', 'e', 'e3'],
  );
  assert.ok(!server.requests.some((request) => request.startsWith('POST') && request.endsWith('?uploads')));
});

test('the sweeper keeps uploads that this process used recently, and uploads of blobs that a fill fetches', async (t) => {
  const ids = ['old', 'fetched', uploadId];
  const fetched = digestOf(Buffer.from('fetched'));
  const clock = { nowMs: Date.now() };
  const { script, store, begin } = await open(t, { now: () => clock.nowMs }, ({ method, url = '' }, response) => {
    if (method !== 'GET' || !/[?&]uploads/.test(url)) return false;
    const uploads = ids.map(
      (id) =>
        `<Upload><Key>${id === 'fetched' ? blobKey(fetched) : 'k'}</Key><UploadId>${id.replace('&', '&amp;')}</UploadId><Initiated>2020-01-01T00:00:00Z</Initiated></Upload>`,
    );
    response.end(
      `<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>${uploads.join('')}</ListMultipartUploadsResult>`,
    );
    return true;
  });
  script.release();
  const upload = await begin(2);
  clock.nowMs += 50;
  await upload.put(0, bodyOf(segment));
  clock.nowMs += 80;
  assert.equal(await store.sweepUploads(100, async (one) => one === fetched), 1);
  assert.deepEqual(script.aborted, ['old']);
  clock.nowMs += 80;
  assert.equal(await store.sweepUploads(100), 3);
  assert.deepEqual(script.aborted, ['old', 'old', 'fetched', uploadId]);
});
