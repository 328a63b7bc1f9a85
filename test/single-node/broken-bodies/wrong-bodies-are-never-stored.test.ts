// Tests wrong bodies of all kinds: no client takes them for complete, no part of them is stored, and the next request
// fetches again.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Fault } from '@cistern/fake-upstream';
import { openStage, seededBytes } from '../src/open-stage.ts';
import { exchange } from '../src/send-raw.ts';
import { type Answer, errorsOf, sendRequest } from '../src/send-request.ts';
import { spoolFiles, storedDigests, wronglyStored } from '../src/store-files.ts';
import { until } from '../src/until.ts';

const large = 400_000;
/** Withheld completely until it is verified. */
const small = 1000;

/** `cut` is a 200 whose connection is reset. `refused` is an error response. */
type End = 'cut' | 'refused';

interface Case {
  readonly fault: Fault;
  /** The end if the manifest states the size. */
  readonly end: End;
  /** The end if the size is unknown. By default the same. */
  readonly endIfUnknown?: End;
  readonly size?: number;
}

const cases: Readonly<Record<string, Case>> = {
  'the first byte is flipped': { fault: { flipByteAt: 0 }, end: 'cut' },
  'a byte in the middle is flipped': { fault: { flipByteAt: large / 2 }, end: 'cut' },
  'the last byte is flipped': { fault: { flipByteAt: large - 1 }, end: 'cut' },
  'a byte of a small blob is flipped': { fault: { flipByteAt: small - 1 }, end: 'refused', size: small },
  'the connection ends cleanly before the length': {
    fault: { endAfterBytes: large / 2, ignoreRange: true },
    end: 'cut',
  },
  'a body without a length ends early': {
    fault: { contentLength: 'absent', size: large / 2, ignoreRange: true },
    end: 'cut',
  },
  'a small body without a length ends early': {
    fault: { contentLength: 'absent', size: small / 2, ignoreRange: true },
    end: 'refused',
    size: small,
  },
  'the connection is reset': { fault: { resetAfterBytes: large / 2, ignoreRange: true }, end: 'cut' },
  'the connection is reset before any byte': { fault: { resetAfterBytes: 0, ignoreRange: true }, end: 'refused' },
  'the connection is reset before the headers': { fault: { resetBeforeHeaders: true }, end: 'refused' },
  'the content is shorter': { fault: { size: large - 1000 }, end: 'refused', endIfUnknown: 'cut' },
  'the content is longer': { fault: { size: large + 1000 }, end: 'refused', endIfUnknown: 'cut' },
  'the content is empty': { fault: { size: 0 }, end: 'refused' },
  'Content-Length is too small': {
    fault: { contentLength: large - 1000 },
    end: 'refused',
    endIfUnknown: 'cut',
  },
  'Content-Length is too large': {
    fault: { contentLength: large + 1000, ignoreRange: true },
    end: 'refused',
    endIfUnknown: 'cut',
  },
  'the body is compressed without a request for compression': { fault: { gzip: true }, end: 'refused' },
};

const { upstream, cistern } = await openStage({ after });
const url = (digest: string) => `${cistern.url}/v2/library/app/blobs/${digest}`;
const isStored = async (digest: string) => (await storedDigests(cistern.rootDirectory)).includes(digest);

for (const [name, { fault, end, endIfUnknown = end, size = large }] of Object.entries(cases))
  for (const isSizeKnown of [true, false])
    test(`${name}, the size ${isSizeKnown ? 'known from the manifest' : 'unknown'}`, async () => {
      const bytes = seededBytes(size, `${name} ${isSizeKnown}`);
      const image = upstream.addImage('library/app', { tag: 'latest', layers: [bytes] });
      const digest = image.layers[0]!.digest;
      if (isSizeKnown) await sendRequest(`${cistern.url}/v2/library/app/manifests/latest`);

      const added = upstream.addFault({ digest, method: 'GET' }, fault);
      const answer = await sendRequest(url(digest));
      added.remove();
      assert.ok(added.hits() > 0);
      assertEnd(answer, isSizeKnown ? end : endIfUnknown);
      await until('the spool is empty', async () => (await spoolFiles(cistern.rootDirectory)).length === 0);
      assert.equal(await isStored(digest), false);

      const again = await sendRequest(url(digest));
      assert.equal(again.status, 200, again.body.toString('latin1', 0, 300));
      assert.ok(again.complete && again.body.equals(bytes));
      assert.equal(again.headers['x-cache'], 'MISS');
      await until('the blob is stored', () => isStored(digest));
    });

for (const [name, fault] of Object.entries<Fault>({
  'chunked, beyond the size in the manifest': { contentLength: 'absent', size: large + 1000 },
  'beyond Content-Length': { contentLength: large, size: large + 1000 },
}))
  test(`bytes after the correct ones are neither sent nor stored: ${name}`, async () => {
    const bytes = seededBytes(large, name);
    const image = upstream.addImage('library/app', { tag: 'latest', layers: [bytes] });
    const digest = image.layers[0]!.digest;
    await sendRequest(`${cistern.url}/v2/library/app/manifests/latest`);
    const added = upstream.addFault({ digest, method: 'GET' }, fault);
    const answer = await sendRequest(url(digest));
    added.remove();
    assert.ok(answer.complete && answer.body.equals(bytes));
  });

test('a keep-alive connection is also closed, and nothing follows the sent part', async () => {
  const { digest } = upstream.addBlob('library/app', seededBytes(large, 'kept'));
  upstream.addFault({ digest, method: 'GET' }, { flipByteAt: 0 });
  const received = await exchange(
    cistern.port,
    [`/v2/library/app/blobs/${digest}`, '/v2/']
      .map((path) => `GET ${path} HTTP/1.1\r\nHost: cache.test\r\n\r\n`)
      .join(''),
  );
  const bodyStart = received.indexOf('\r\n\r\n') + 4;
  assert.match(received.toString('latin1', 0, bodyStart), /^HTTP\/1\.1 200 [^]*content-length: 400000\r\n/i);
  assert.ok(received.length - bodyStart < large);
  assert.equal(received.indexOf('HTTP/1.1', bodyStart), -1);
});

test('every stored file matches its digest', async () => {
  assert.deepEqual(await wronglyStored(cistern.rootDirectory), []);
});

function assertEnd(answer: Answer, end: End): void {
  const { status, headers, body, complete } = answer;
  if (end === 'refused') {
    assert.ok(status === 502 || status === 503, `status ${status}`);
    assert.ok(complete);
    assert.equal(errorsOf(answer)[0]?.code, 'UNAVAILABLE');
    return;
  }
  assert.equal(status, 200);
  assert.equal(complete, false, 'the response must not end as if it were complete');
  assert.ok(body.length < Number(headers['content-length']));
}
