// Tests failing requests: retries, timeouts and errors.
import assert from 'node:assert/strict';
import * as http from 'node:http';
import test from 'node:test';
import { urlToHttpOptions } from 'node:url';
import { isCacheError } from '@cistern/errors';
import { digestOf } from '@cistern/oci';
import { collect } from '../conformance/sample-blob.ts';
import { createS3Transport } from './create-s3-transport.ts';
import { sendError, startScriptedServer } from './fixtures/scripted-server.ts';
import { watchSilence } from './watch-silence.ts';

const digest = digestOf(Buffer.from('a blob'));

/** Number of connections that the opening of a store uses. */
const socketsToOpen = 1;

async function rejectsWith(message: RegExp, action: () => Promise<unknown>): Promise<void> {
  await assert.rejects(action, (error: Error) => {
    assert.match(error.message, message);
    assert.ok(isCacheError(error, 'store-unavailable') && error.retryable, String(error));
    return true;
  });
}

test('a request is retried after temporary failures, over the same connection', async (t) => {
  let failures = 2;
  const server = await startScriptedServer(t, (_request, response) => {
    if (failures-- > 0) sendError(response, 503, 'SlowDown');
    else response.writeHead(200, { 'content-length': 7, 'last-modified': 'x' }).end();
  });
  const store = await server.open();
  assert.deepEqual(await store.stat(digest), { size: 7 });
  assert.equal(server.requests.length, 3);
  assert.equal(server.sockets.size, socketsToOpen + 1);
});

test('a request to a server that keeps failing is sent three times', async (t) => {
  const server = await startScriptedServer(t, (_request, response) => sendError(response, 503, 'SlowDown'));
  const store = await server.open();
  await rejectsWith(/^The store cannot look up a blob: http:\S+ is overloaded or failing \(HTTP 503\)\.$/, () =>
    store.stat(digest),
  );
  assert.equal(server.requests.length, 3);
  assert.equal(server.sockets.size, socketsToOpen + 1);
});

test('a request is retried after its connection breaks before the response', async (t) => {
  let breaks = 2;
  const server = await startScriptedServer(t, (request, response) => {
    if (breaks-- > 0) request.socket.destroy();
    else response.writeHead(200, { 'content-length': 7, 'last-modified': 'x' }).end();
  });
  const store = await server.open();
  assert.deepEqual(await store.stat(digest), { size: 7 });
});

test('a request to a silent server times out and is sent one time', async (t) => {
  const server = await startScriptedServer(t, () => {});
  const store = await server.open({ timeoutMs: 3000, promptMs: 3000 });
  await Promise.all(
    [
      async () => store.stat(digest),
      async () => store.open(digest),
      async () => store.readObject('a'),
      async () => store.writeObject('a', Buffer.alloc(1000)),
      async () => collect(store.list()),
      async () => store.sweepUploads(0),
      async () => store.check(),
    ].map(async (request) => rejectsWith(/has been silent for too long \(SILENT\)/, request)),
  );
  // The write of the check may have succeeded, so its object is removed.
  const removals = server.requests.filter((line) => line.startsWith('DELETE '));
  assert.deepEqual([server.requests.length - removals.length, removals.length], [7, 1]);
});

test('a damaged object that cannot be copied is removed without a copy, unless it was replaced meanwhile', async (t) => {
  let isFull = false;
  let isReplaced = false;
  let writtenAt = 'Thu, 03 Dec 2026 10:00:00 GMT';
  const server = await startScriptedServer(t, ({ method, headers }, response) => {
    const isCopy = headers['x-amz-copy-source'] !== undefined;
    if (isCopy && isReplaced) writtenAt = 'Thu, 03 Dec 2026 10:00:09 GMT';
    if (method === 'HEAD') response.writeHead(200, { 'content-length': 7, 'last-modified': writtenAt }).end();
    else if (!isCopy) response.writeHead(204).end();
    // Otherwise the copy takes too long.
    else if (isFull) sendError(response, 507, 'XMinioStorageFull');
  });
  const warnings: string[] = [];
  const log = { ...console, warn: (_fields: object, message: string) => void warnings.push(message) };
  const store = await server.open({ timeoutMs: 2000, promptMs: 2000, log });
  for (isFull of [false, true]) {
    warnings.length = 0;
    assert.equal(await store.quarantine(digest, 0), true);
    assert.match(server.requests.at(-1)!, /^DELETE \/bucket\/\S+data$/);
    assert.deepEqual(warnings, ['cannot copy damaged blob to quarantine, removing it']);
  }
  server.requests.length = 0;
  isReplaced = true;
  assert.equal(await store.quarantine(digest, 0), false);
  assert.deepEqual(
    server.requests.filter((line) => line.startsWith('DELETE')),
    [],
  );
});

test('a request times out if its response stops halfway', async (t) => {
  const server = await startScriptedServer(t, (_request, response) => {
    response.writeHead(200, { 'content-length': 100 }).write('<ListBucketResult>');
  });
  const store = await server.open({ timeoutMs: 2000, promptMs: 2000 });
  await rejectsWith(/silent/, async () => collect(store.list()));
  await rejectsWith(/silent/, async () => store.readObject('a'));
});

test('a request without a free connection times out', async (t) => {
  // The server sends responses that do not end.
  const server = await startScriptedServer(t, (_request, response) => response.flushHeaders());
  const silence = watchSilence({ endpoint: server.endpoint, onChange() {} });
  t.after(silence.close);
  const transport = createS3Transport({ secure: false, timeoutMs: 2000, maxConnections: 1, silence });
  t.after(transport.close);
  const { transport: impatient, transportAgent: agent = false } = transport.clientOptions;
  const request = async (protocol: Pick<typeof http, 'request'> | undefined) =>
    new Promise((resolve, reject) => {
      protocol
        ?.request({ ...urlToHttpOptions(new URL('/bucket/key', server.endpoint)), agent }, resolve)
        .on('error', reject)
        .end();
    });
  // This request holds the only connection. The agent is used directly, so the request has no timeout.
  await request(http);
  await assert.rejects(request(impatient), { code: 'NO_FREE_CONNECTION' });
  const closed = assert.rejects(request(impatient), { code: 'CLOSED' });
  transport.close();
  await closed;
});

test('errors of S3 have messages that an operator can act on', async (t) => {
  const answers: [number, string, RegExp][] = [
    [403, 'InvalidAccessKeyId', /does not know the access key \(InvalidAccessKeyId\)/],
    [403, 'SignatureDoesNotMatch', /the secret key does not belong to the access key/],
    [403, 'AccessDenied', /the access key has no permission to do this in the bucket bucket/],
    [403, 'RequestTimeTooSkewed', /the clocks of this machine and of http:\S+ differ too much/],
    [404, 'NoSuchBucket', /there is no bucket bucket at http:/],
    [400, 'AuthorizationHeaderMalformed', /is in another region or at another endpoint/],
    [507, 'XMinioStorageFull', /the storage of http:\S+ is full/],
    [418, 'Teapot', /http:\S+ reports an error: as scripted \(Teapot\)/],
  ];
  let next = answers[0]!;
  const server = await startScriptedServer(t, (_request, response) => sendError(response, next[0], next[1]));
  const store = await server.open({ secretKey: 'hunter2hunter2' });
  for (const [status, code, message] of answers) {
    next = [status, code, message];
    for (const request of [
      async () => store.open(digest),
      async () => store.readObject('a'),
      async () => store.check(),
    ]) {
      await rejectsWith(message, request);
      await assert.rejects(request, (error: Error) => !error.message.includes('hunter2'));
    }
  }
});

test('responses that are not from S3 are failures', async (t) => {
  const server = await startScriptedServer(t, (_request, response) => response.end('<html>It works!</html>'));
  const store = await server.open();
  await rejectsWith(/http:\S+ reports an error/, async () => collect(store.list()));
  await rejectsWith(/http:\S+ reports an error/, async () => store.sweepUploads(0));
});

test('an unusable bucket is reported when the store opens', async (t) => {
  const server = await startScriptedServer(t, () => {});
  for (const [endpoint, message] of [
    [
      'http://127.0.0.1:1',
      /The store cannot use its bucket: no server listens at http:\/\/127\.0\.0\.1:1 \(ECONNREFUSED\)/,
    ],
    [
      server.endpoint.replace('http:', 'https:'),
      /does not speak the protocol of its URL; check whether it is http or https/,
    ],
  ] as const)
    await rejectsWith(message, async () => server.open({ endpoint }));
  for (const endpoint of ['127.0.0.1:9000', 'ftp://127.0.0.1', 'http://127.0.0.1/path', ''])
    await assert.rejects(server.open({ endpoint }), TypeError, endpoint);
});

test('close rejects running and later requests', async (t) => {
  const server = await startScriptedServer(t, () => {});
  const store = await server.open();
  const pending = rejectsWith(/the store has been closed \(CLOSED\)/, async () => store.stat(digest));
  while (server.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await store.close();
  await pending;
  await rejectsWith(/the store has been closed/, async () => store.stat(digest));
  while (server.sockets.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
});

const rules = (rule: string) =>
  `<LifecycleConfiguration><Rule><ID>x</ID><Status>Enabled</Status>${rule}</Rule></LifecycleConfiguration>`;
const abort =
  '<AbortIncompleteMultipartUpload><DaysAfterInitiation>3</DaysAfterInitiation></AbortIncompleteMultipartUpload>';

for (const [what, present, expected] of [
  ['that the server rejects', undefined, 1],
  ['from another owner that abort no uploads', rules('<Expiration><Days>9</Days></Expiration>'), 1],
  ['from another owner for another prefix', rules(`<Filter><Prefix>other/</Prefix></Filter>${abort}`), 1],
  ['from another owner that abort uploads', rules(`<Filter><Prefix/></Filter>${abort}`), 0],
] as const)
  test(`existing lifecycle rules stay unchanged and ${expected} warnings are logged, for rules ${what}`, async (t) => {
    const methods: (string | undefined)[] = [];
    const server = await startScriptedServer(
      t,
      () => {},
      ({ method }, response) => {
        methods.push(method);
        if (present === undefined) sendError(response, 501, 'NotImplemented');
        else response.end(present);
      },
    );
    const warnings: string[] = [];
    await server.open({ log: { warn: (_fields, message) => void warnings.push(message) } });
    assert.equal(warnings.length, expected);
    assert.deepEqual(methods, ['GET']);
  });

test('objects that the server does not remove are returned, and the others are removed', async (t) => {
  const [one, two, three] = ['one', 'two', 'three'].map((text) => digestOf(Buffer.from(text)));
  const keyOf = (of = one!) => `docker/registry/v2/blobs/sha256/${of.slice(7, 9)}/${of.slice(7)}/data`;
  const failed = (code: string, of = one) =>
    `<Error><Key>${keyOf(of)}</Key><Code>${code}</Code><Message>No.</Message></Error>`;
  const server = await startScriptedServer(t, (request, response) => {
    request.resume();
    response.end(`<DeleteResult>${failed('AccessDenied', two)}${failed('NoSuchKey', three)}</DeleteResult>`);
  });
  const store = await server.open();
  const left = await store.removeAll([one!, two!, three!]);
  assert.deepEqual([...left.keys()], [two]);
  assert.match(
    left.get(two!)!.message,
    /^The store cannot remove blobs: the access key has no permission .*AccessDenied/,
  );
  assert.deepEqual(server.requests, ['POST /bucket?delete']);
});

test('a server that rejects DeleteObjects gets one request for each object', async (t) => {
  const [one, two] = ['one', 'two'].map((text) => digestOf(Buffer.from(text)));
  const server = await startScriptedServer(t, (request, response) => {
    request.resume();
    const isRemoved = request.method === 'DELETE' && request.url?.includes(one!.slice(7)) === true;
    if (isRemoved) response.writeHead(204).end();
    else sendError(response, 403, 'AccessDenied');
  });
  const store = await server.open();
  assert.deepEqual([...(await store.removeAll([one!, two!])).keys()], [two]);
  assert.deepEqual(
    server.requests.map((request) => request.split(' ')[0]),
    ['POST', 'DELETE', 'DELETE'],
  );
});

test('a removal of objects is retried after temporary failures, and then rejects', async (t) => {
  const server = await startScriptedServer(t, (_request, response) => sendError(response, 503, 'SlowDown'));
  const store = await server.open();
  await rejectsWith(/^The store cannot remove blobs: /, () => store.removeAll([digest]));
  assert.equal(server.requests.length, 3);
});

test('a check leaves no object behind, whichever of its requests fails', async (t) => {
  for (const broken of ['PUT', 'GET', 'bytes']) {
    const objects = new Set<string>();
    const server = await startScriptedServer(t, ({ method = '', url = '' }, response) => {
      if (method === 'PUT') objects.add(url);
      if (method === 'DELETE') objects.delete(url);
      if (method === broken) return sendError(response, 403, 'AccessDenied');
      if (method === 'GET') return void response.end('other bytes');
      return void response.writeHead(method === 'DELETE' ? 204 : 200, { etag: '"x"' }).end();
    });
    const store = await server.open();
    await rejectsWith(broken === 'bytes' ? /bytes that differ/ : /AccessDenied/, async () => store.check());
    assert.deepEqual([...objects], [], broken);
  }
});
