// An attacker can write to Redis, but does not know the cluster's secret. No node connects to the attacker's address or uses
// the attacker's bytes.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { CacheIndex, FillRecord } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import { encodeFrame, frameTypes } from '@cistern/fills';
import { bytesOf, collect } from '@cistern/oci/testing';
import { until } from '@cistern/runtime/testing';
import { library, startHalfway } from '../testing/start-halfway.ts';
import { startTestCluster } from '../testing/start-test-cluster.ts';

const size = 300_000;
const address = 'http://attacker:5002';
const leaseMs = 4_000;

/** Starts a server that sends zeros for any fill, in the frames of both protocols. */
async function startAttacker(
  t: TestContext,
  { listenAt }: Awaited<ReturnType<typeof startTestCluster>>,
  bytes: number,
) {
  const requests: string[] = [];
  const server = createServer(({ url = '' }, response) => {
    requests.push(url);
    response.removeHeader('transfer-encoding');
    response.writeHead(200, { connection: 'close' });
    response.end(Buffer.concat([encodeFrame(frameTypes.data, Buffer.alloc(bytes)), encodeFrame(frameTypes.end)]));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  listenAt(address, (server.address() as AddressInfo).port);
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { requests };
}

async function startCold(t: TestContext) {
  const cluster = await startTestCluster(t, { workers: 1, frontends: 1 });
  const attacker = await startAttacker(t, cluster, size);
  const bytes = bytesOf(size);
  const digest = cluster.hub.addBlob(library.repository, bytes);
  await cluster.index.links.put(library, [{ ...library, digest, kind: 'blob', size, mediaType: 'layer' }]);
  const { cache } = cluster.frontends[0]!;
  return {
    ...cluster,
    attacker,
    bytes,
    digest,
    pull: async () => collect(await (await cache.openBlob({ ...library, digest, intent: 'whole' })).read()),
  };
}

/** Writes a record of a fill, as an owner of the fill does. */
async function forge({ fills }: CacheIndex, digest: Digest, fields: Partial<FillRecord> = {}): Promise<FillRecord> {
  const claim = { digest, source: library, leaseMs, class: 'interactive', owner: 'attacker', replaces: 0 } as const;
  const record = await fills.claim({ ...claim, fillId: 'forged', address, ...fields });
  assert.ok(record !== undefined && 'generation' in record);
  assert.equal(await fills.running(digest, record.owner, size, fields), true);
  return { ...record, state: 'running', size };
}

test('no node follows a forged record; the blob is fetched after the record expires', async (t) => {
  for (const fields of [{}, { protocol: 1 }, { protocol: 2 }, { protocol: 2, signature: 'x'.repeat(43) }]) {
    const { attacker, index, bytes, digest, pull, shared, hub } = await startCold(t);
    await forge(index, digest, fields);
    const pulling = pull();
    await delay(1_500);
    shared.advance(leaseMs);
    assert.ok((await pulling).equals(bytes));
    assert.deepEqual(attacker.requests, []);
    assert.equal(hub.gets.length, 1);
  }
});

test('readers continue after an attacker changes the address of their fill, and new readers wait for the store', async (t) => {
  const started = await startHalfway(t, { workers: 1 });
  const { requests } = await startAttacker(t, started, started.size);
  const { index, digest, hub, read, bytes } = started;
  const following = read(0).then(collect);
  await started.halfway();
  const record = (await index.fills.read(digest))!;
  await index.fills.heartbeat(record, 0);
  await index.fills.heartbeat({ ...record, address }, leaseMs);
  const late = read(1).then(collect);
  await delay(1_500);
  hub.allow(started.size);
  for (const body of await Promise.all([following, late])) assert.ok(body.equals(bytes));
  assert.deepEqual(requests, []);
  assert.equal(hub.gets.length, 1);
  await started.nothingLeft();
});

test('a copied record gives no client the bytes of the other fill', async (t) => {
  const { index, bytes, digest, pull, shared, hub, frontends } = await startCold(t);
  const other = hub.addBlob(library.repository, bytesOf(size, 7));
  hub.script.gated = true;
  const opened = await frontends[0]!.cache.openBlob({ ...library, digest: other, intent: 'whole' });
  const { fillId, address: worker, protocol, signature } = (await index.fills.read(other))!;
  await forge(index, digest, { fillId, address: worker, protocol, signature });
  const pulling = pull();
  await delay(500);
  hub.allow(10 * size);
  assert.ok((await collect(await opened.read())).equals(bytesOf(size, 7)));
  shared.advance(leaseMs);
  assert.ok((await pulling).equals(bytes));
});

test('a worker copies nothing from an attacker, and does not replace their record before it expires', async (t) => {
  const { attacker, index, bytes, digest, pull, shared, hub, queue } = await startCold(t);
  const { generation, fillId } = await forge(index, digest, { protocol: 2 });
  const job = { ...library, digest, replaces: generation, from: 0, resumes: true };
  await queue.queue.add('fetch-blob', job, { dedupKey: 'forged', class: 'interactive' });
  await until(() => queue.added.length === 1);
  await delay(1_500);
  assert.equal((await index.fills.read(digest))?.fillId, fillId);
  assert.equal(hub.gets.length, 0);
  shared.advance(leaseMs);
  assert.ok((await pull()).equals(bytes));
  assert.deepEqual(attacker.requests, []);
});

test('a wrong size in the record gives no client a short blob', async (t) => {
  const { index, bytes, digest, pull, hub, frontends } = await startCold(t);
  hub.script.gated = true;
  const opened = await frontends[0]!.cache.openBlob({ ...library, digest, intent: 'whole' });
  const record = (await index.fills.read(digest))!;
  await index.fills.heartbeat(record, 0);
  await index.fills.heartbeat({ ...record, size: size / 2 }, leaseMs);
  const late = pull();
  await delay(500);
  hub.allow(10 * size);
  assert.ok((await collect(await opened.read())).equals(bytes));
  assert.ok((await late).equals(bytes));
});
