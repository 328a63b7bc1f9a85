import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { digestOf } from '@cistern/oci';
import { createMemoryPullThrough } from '../testing/memory-pull-through.ts';
import { errorsOf, sendRequest } from '../testing/send-request.ts';
import { startFrontend } from '../testing/start-frontend.ts';

const bytes = randomBytes(300_000);
const digest = digestOf(bytes);
const size = bytes.length;
const path = `/v2/library/nginx/blobs/${digest}`;

function multipartOf(contentType: string | undefined, pairs: readonly (readonly [number, number])[]): Buffer {
  const boundary = /^multipart\/byteranges; boundary=([a-z0-9]+)$/.exec(contentType ?? '')?.[1];
  assert.ok(boundary);
  const parts = pairs.flatMap(([start, end], index) => [
    Buffer.from(
      `${index === 0 ? '' : '\r\n'}--${boundary}\r\nContent-Type: application/octet-stream\r\n` +
        `Content-Range: bytes ${start}-${end}/${size}\r\n\r\n`,
    ),
    bytes.subarray(start, end + 1),
  ]);
  return Buffer.concat([...parts, Buffer.from(`\r\n--${boundary}--\r\n`)]);
}

test('one range is a 206 with exactly its bytes', async (t) => {
  const pullThrough = createMemoryPullThrough({ blobs: [bytes] });
  const { url } = await startFrontend(t, { pullThrough });
  const cases: [string, number, number][] = [
    ['bytes=0-', 0, size - 1],
    ['bytes=0-0', 0, 0],
    ['bytes=0-1', 0, 1],
    ['bytes=100000-199999', 100_000, 199_999],
    [`bytes=${size - 1}-`, size - 1, size - 1],
    ['bytes=-10', size - 10, size - 1],
    ['bytes=10-999999999', 10, size - 1],
    [`bytes=5-6,${size}-`, 5, 6],
  ];
  for (const [range, start, end] of cases) {
    const { status, headers, body, complete } = await sendRequest(url + path, { headers: { range } });
    assert.equal(status, 206, range);
    assert.ok(complete);
    assert.equal(headers['content-range'], `bytes ${start}-${end}/${size}`);
    assert.equal(headers['content-length'], String(end - start + 1));
    assert.equal(headers['content-type'], 'application/octet-stream');
    assert.equal(headers['docker-content-digest'], digest);
    assert.ok(body.equals(bytes.subarray(start, end + 1)), range);
  }
  assert.equal(pullThrough.calls[0]?.request['intent'], 'ranges');
  assert.equal(pullThrough.openStreams, 0);
});

test('several ranges get one multipart response of the announced length', async (t) => {
  const pullThrough = createMemoryPullThrough({ blobs: [bytes], chunkBytes: 1000 });
  const { url } = await startFrontend(t, { pullThrough });
  const { status, headers, body, complete } = await sendRequest(url + path, {
    headers: { range: 'bytes=0-4999,100000-100000,-7' },
  });
  assert.equal(status, 206);
  assert.ok(complete);
  assert.equal(headers['content-range'], undefined);
  assert.equal(headers['content-length'], String(body.length));
  const expected = multipartOf(headers['content-type'], [
    [0, 4999],
    [100_000, 100_000],
    [size - 7, size - 1],
  ]);
  assert.ok(body.equals(expected));
  assert.equal(pullThrough.reads, 3);
  assert.equal(pullThrough.openStreams, 0);
});

test('close ranges share one read, for every size of chunks', async (t) => {
  const pairs = Array.from({ length: 1000 }, (_, index): [number, number] => {
    const start = index * 120 + (index < 500 ? 0 : 100_000);
    return [start, start + 9];
  });
  const range = `bytes=${pairs.map((pair) => pair.join('-')).join(',')}`;
  for (const chunkBytes of [1, 7, 1000, 64 * 1024]) {
    const pullThrough = createMemoryPullThrough({ blobs: [bytes], chunkBytes });
    const { url } = await startFrontend(t, { pullThrough });
    const { status, headers, body, complete } = await sendRequest(url + path, { headers: { range } });
    assert.deepEqual([status, complete], [206, true]);
    assert.ok(body.equals(multipartOf(headers['content-type'], pairs)), String(chunkBytes));
    assert.equal(pullThrough.reads, 2);
    assert.equal(pullThrough.openStreams, 0);
  }
});

test('a range outside the content is a 416 with the size', async (t) => {
  const pullThrough = createMemoryPullThrough({ blobs: [bytes] });
  const { url } = await startFrontend(t, { pullThrough });
  const answer = await sendRequest(url + path, { headers: { range: `bytes=${size}-` } });
  assert.equal(answer.status, 416);
  assert.equal(answer.headers['content-range'], `bytes */${size}`);
  assert.equal(errorsOf(answer)[0]?.code, 'RANGE_INVALID');
  assert.equal(pullThrough.reads, 0);
});

test('an unknown form of Range is ignored', async (t) => {
  const { url } = await startFrontend(t, { pullThrough: createMemoryPullThrough({ blobs: [bytes] }) });
  for (const range of ['bytes=a-b', 'lines=1-2', 'bytes=']) {
    const { status, body } = await sendRequest(url + path, { headers: { range } });
    assert.equal(status, 200, range);
    assert.equal(body.length, size);
  }
});

test('a Range with an end before its start is rejected', async (t) => {
  const { url } = await startFrontend(t, { pullThrough: createMemoryPullThrough({ blobs: [bytes] }) });
  const { status, headers } = await sendRequest(url + path, { headers: { range: 'bytes=9-1' } });
  assert.deepEqual([status, headers['content-range']], [416, `bytes */${size}`]);
});

test('If-Range with our entity tag returns the range, and any other value returns the whole content', async (t) => {
  const { url } = await startFrontend(t, { pullThrough: createMemoryPullThrough({ blobs: [bytes] }) });
  const cases: [string, number][] = [
    [`"${digest}"`, 206],
    [`W/"${digest}"`, 200],
    ['"something-else"', 200],
    ['Wed, 21 Oct 2026 07:28:00 GMT', 200],
  ];
  for (const [ifRange, expected] of cases) {
    const { status } = await sendRequest(url + path, { headers: { range: 'bytes=0-9', 'if-range': ifRange } });
    assert.equal(status, expected, ifRange);
  }
});
