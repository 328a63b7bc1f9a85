import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { BlobStore } from '@cistern/blob-store';
import { createMemoryStore } from '@cistern/blob-store/memory';
import { CacheError } from '@cistern/errors';
import type { JobQueue } from '@cistern/jobs';
import { createIssuerKeys, createIssuerKeysFetcher } from './issuer-keys.ts';

const minute = 60_000;
const key = { kty: 'RSA', kid: 'one', n: 'n', e: 'AQAB' };

async function openStage(t: TestContext) {
  const issuerState = { keys: [key], requests: 0, isBroken: false };
  const storeState = { isUnavailable: false };
  const server = createServer((request, response) => {
    issuerState.requests += 1;
    const { port } = server.address() as AddressInfo;
    const url = `http://127.0.0.1:${port}`;
    if (issuerState.isBroken) response.writeHead(500).end();
    else if (request.url === '/keys') response.end(JSON.stringify({ keys: issuerState.keys }));
    else response.end(JSON.stringify({ issuer: url, jwks_uri: `${url}/keys` }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ci = { name: 'ci', url, audiences: ['a'], rules: [], labels: [], ca: undefined };
  const clock = { nowMs: 1e12 };
  const now = () => clock.nowMs;
  const objects = createMemoryStore();
  const store: Pick<BlobStore, 'readObject' | 'writeObject'> = {
    async readObject(key_) {
      if (storeState.isUnavailable) throw new CacheError('store-unavailable', 'away', { retryable: true });
      return objects.readObject(key_);
    },
    writeObject: (...written) => objects.writeObject(...written),
  };
  const worker = createIssuerKeysFetcher({ issuers: [ci], store, now, instanceId: 'i', version: '1', env: {} });
  t.after(() => worker.close());
  const jobs: string[] = [];
  const running: Promise<unknown>[] = [];
  const start = (name: string, { issuer }: { readonly issuer: string }) => {
    jobs.push(`${name} ${issuer}`);
    return worker.fetch(issuer, AbortSignal.timeout(10_000));
  };
  const queue = {
    run: async (name: string, payload: { readonly issuer: string }) => (await start(name, payload), null),
    add: async (name: string, payload: { readonly issuer: string }) =>
      void running.push(start(name, payload).catch(() => {})),
  } as unknown as JobQueue;
  const openFrontend = () => createIssuerKeys({ store, queue, now });
  return { ci, issuerState, storeState, clock, jobs, openFrontend, settled: () => Promise.all(running), worker };
}

const idsOf = ({ keys }: { readonly keys: readonly { readonly kid?: string }[] }) => keys.map(({ kid }) => kid);

test('the first frontend makes a worker fetch the keys, and the others read them from the store', async (t) => {
  const { ci, issuerState, jobs, openFrontend } = await openStage(t);
  for (const frontend of [openFrontend(), openFrontend()])
    for (let time = 0; time < 3; time += 1) assert.deepEqual((await frontend.get(ci)).keys, [key]);
  assert.deepEqual(jobs, ['fetch-issuer-keys ci']);
  assert.equal(issuerState.requests, 2);
});

test('keys in memory are not used for an issuer that has the name, but another URL', async (t) => {
  const { ci, storeState, openFrontend } = await openStage(t);
  const frontend = openFrontend();
  await frontend.get(ci);
  storeState.isUnavailable = true;
  assert.deepEqual(idsOf(await frontend.get({ ...ci, name: 'renamed' })), ['one']);
  await assert.rejects(frontend.get({ ...ci, url: 'https://other.test' }), { kind: 'store-unavailable' });
});

test('keys are refreshed in the background after ten minutes, and stay valid for a day without the issuer', async (t) => {
  const { ci, issuerState, clock, openFrontend, settled } = await openStage(t);
  const frontend = openFrontend();
  await frontend.get(ci);
  issuerState.keys = [key, { ...key, kid: 'two' }];
  clock.nowMs += 11 * minute;
  assert.deepEqual(idsOf(await frontend.get(ci)), ['one']);
  await settled();
  assert.deepEqual(idsOf(await frontend.get(ci)), ['one', 'two']);
  issuerState.isBroken = true;
  clock.nowMs += 23 * 60 * minute;
  assert.deepEqual(idsOf(await frontend.get(ci)), ['one', 'two']);
  await settled();
  clock.nowMs += 2 * 60 * minute;
  await assert.rejects(frontend.get(ci), { kind: 'upstream-unreachable' });
  issuerState.isBroken = false;
  assert.deepEqual(idsOf(await frontend.get(ci)), ['one', 'two']);
});

test('keys stay valid for a day while the store is unavailable, and are refreshed when it recovers', async (t) => {
  const { ci, issuerState, storeState, clock, openFrontend, settled } = await openStage(t);
  const frontend = openFrontend();
  await frontend.get(ci);
  storeState.isUnavailable = true;
  issuerState.keys = [key, { ...key, kid: 'two' }];
  clock.nowMs += 11 * minute;
  assert.deepEqual(idsOf(await frontend.get(ci)), ['one']);
  await settled();
  clock.nowMs += 23 * 60 * minute;
  assert.deepEqual(idsOf(await frontend.get(ci)), ['one']);
  await settled();
  clock.nowMs += 60 * minute;
  await assert.rejects(frontend.get(ci), { kind: 'store-unavailable' });
  await assert.rejects(openFrontend().get(ci), { kind: 'store-unavailable' });
  storeState.isUnavailable = false;
  assert.deepEqual(idsOf(await frontend.get(ci)), ['one', 'two']);
});

test('missing keys are fetched immediately, but not again and again', async (t) => {
  const { ci, issuerState, clock, jobs, openFrontend } = await openStage(t);
  const [frontend, other] = [openFrontend(), openFrontend()];
  await frontend.get(ci);
  clock.nowMs += 11_000;
  issuerState.keys = [{ ...key, kid: 'two' }];
  assert.deepEqual(idsOf(await frontend.getFresh(ci)), ['two']);
  for (let time = 0; time < 5; time += 1) await frontend.getFresh(ci);
  await other.getFresh(ci);
  assert.equal(jobs.length, 3);
  assert.equal(issuerState.requests, 4, 'the worker has just fetched them, for any caller');
});

test('an issuer that is not configured gets no request', async (t) => {
  const { worker, issuerState } = await openStage(t);
  await assert.rejects(worker.fetch('other', AbortSignal.timeout(1000)), { kind: 'name-unknown' });
  assert.equal(issuerState.requests, 0);
});

test('the error names the problem of the issuer', async (t) => {
  const { worker, issuerState } = await openStage(t);
  issuerState.isBroken = true;
  await assert.rejects(worker.fetch('ci', AbortSignal.timeout(10_000)), (error: CacheError) => {
    assert.equal(error.kind, 'upstream-unreachable');
    return /gave no document at \/\.well-known\/openid-configuration: the status was 500/.test(error.message);
  });
});
