// Opens a store whose S3 server is unavailable, and checks the reported errors.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import { CacheError, isCacheError } from '@cistern/errors';
import { digestOf } from '@cistern/oci';
import { until } from '@cistern/runtime/testing';
import { createLogger } from '@cistern/telemetry';
import { readWhole, rejectsAsUnavailable } from '../conformance/sample-blob.ts';
import { openS3Store, type S3StoreOptions } from './open-s3-store.ts';
import { sendError } from './fixtures/scripted-server.ts';

const bytes = Buffer.from('content');
const digest = digestOf(bytes);
const listing = '<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>';

/** Prepares a store at a port where no server listens yet. `isThere` is true if the server has the bucket. */
async function startBucket(t: TestContext) {
  const state = { isThere: true, made: 0 };
  const server = createServer((request, response) => {
    const { method, url = '' } = request;
    if (method === 'PUT' && /^\/bucket\/?$/.test(url)) {
      state.isThere = true;
      state.made += 1;
      return void response.end();
    }
    if (!state.isThere) return sendError(response, 404, 'NoSuchBucket');
    if (url.endsWith('?lifecycle') && method === 'GET') return sendError(response, 404, 'NoSuchLifecycleConfiguration');
    if (url.endsWith('?lifecycle')) return void response.end();
    if (url.includes('list-type=2')) return void response.end(listing);
    response.writeHead(200, { 'content-length': bytes.length }).end(method === 'HEAD' ? undefined : bytes);
  });
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const warnings: string[] = [];
  const open = async (options: Partial<S3StoreOptions> = {}) => {
    const store = await openS3Store({
      endpoint: `http://127.0.0.1:${port}`,
      region: 'us-east-1',
      accessKey: 'a',
      secretKey: 's',
      bucket: 'bucket',
      rootDirectory: '',
      pathStyle: true,
      createBucket: false,
      log: { warn: (_fields, message) => void warnings.push(message) },
      now: Date.now,
      ...options,
    });
    t.after(() => store.close());
    return store;
  };
  const listen = async () => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  const stopListening = async () => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  };
  return { state, open, listen, stopListening, warnings };
}

test('a store opens without its server, and works after the server becomes available', async (t) => {
  const { state, open, listen, warnings } = await startBucket(t);
  state.isThere = false;
  await rejectsAsUnavailable(() => open());
  const store = await open({ mayBeUnavailable: true, createBucket: true });
  await rejectsAsUnavailable(() => store.check());
  await rejectsAsUnavailable(() => readWhole(store, digest));
  await listen();
  await until(() => state.made === 1);
  assert.deepEqual(await readWhole(store, digest), bytes);
  await until(() => warnings.length === 2);
  assert.deepEqual(warnings, ['store unavailable', 'store available again']);
});

test('a store does not open if the server rejects it, and a rejection of an open store is logged', async (t) => {
  const { state, open, listen, warnings } = await startBucket(t);
  state.isThere = false;
  const early = await open({ mayBeUnavailable: true });
  await listen();
  await assert.rejects(
    () => open({ mayBeUnavailable: true }),
    (error) =>
      isCacheError(error, 'store-unavailable') && /Create it, or set storage.s3.createbucket/.test(error.message),
  );
  await until(() => warnings.includes('store still unavailable'));
  await rejectsAsUnavailable(() => early.check());
  state.isThere = true;
  await until(() => warnings.includes('store available again'));
});

test('an outage of a running store begins with a failed request, and ends without one', async (t) => {
  const { open, listen, stopListening, warnings } = await startBucket(t);
  await listen();
  const store = await open();
  assert.deepEqual(await readWhole(store, digest), bytes);
  await stopListening();
  for (let count = 0; count < 5; count += 1) await rejectsAsUnavailable(() => store.check());
  await until(() => warnings.includes('store still unavailable'));
  await listen();
  await until(() => warnings.includes('store available again'));
  assert.deepEqual(warnings, ['store unavailable', 'store still unavailable', 'store available again']);
});

test('an outage explains errors of the server, and no other errors of the same kind', async (t) => {
  const { open } = await startBucket(t);
  const messages: unknown[] = [];
  const write = (line: string) => void messages.push((JSON.parse(line) as { readonly msg: string }).msg);
  const log = createLogger({ level: 'info', formatter: 'json', destination: { write } });
  const store = await open({ mayBeUnavailable: true, log });
  const ofServer = await store.check().catch((error: unknown) => error);
  const ofSpool = new CacheError('store-unavailable', 'The spool cannot write a file.');
  log.warn({ err: ofServer }, 'consequence');
  log.warn(
    { err: new CacheError('store-unavailable', 'No blob.', { cause: ofServer }) },
    'consequence of a consequence',
  );
  log.warn({ err: ofSpool }, 'another cause');
  assert.deepEqual(messages, ['store unavailable', 'another cause']);
});
