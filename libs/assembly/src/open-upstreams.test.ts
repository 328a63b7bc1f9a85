import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { openLiveConfig } from '@cistern/config';
import { load } from '@cistern/config/testing';
import { digestOf, parseRepositoryName } from '@cistern/oci';
import { until } from '@cistern/runtime/testing';
import { openAll } from '@cistern/runtime';
import { createLogger, createMetrics } from '@cistern/telemetry';
import { createBudgetLedger } from '@cistern/upstream';
import { openUpstreams } from './open-upstreams.ts';

const digest = digestOf(Buffer.from('a'));
const repository = parseRepositoryName('library/app');
const log = createLogger({ level: 'error', formatter: 'json' });

/** Starts a registry that records the accounts of requests and its open connections. */
async function startRegistry(t: TestContext) {
  const [accounts, sockets] = [[] as string[], new Set<Socket>()];
  let connections = 0;
  const server = createServer(({ headers: { authorization = '' }, method }, response) => {
    const account = Buffer.from(authorization.replace(/^Basic /, ''), 'base64').toString();
    if (method === 'HEAD' && account !== '') accounts.push(account);
    response
      .writeHead(account === '' ? 401 : 200, { 'www-authenticate': 'Basic realm="a"', 'content-length': '1' })
      .end(method === 'GET' ? 'a' : undefined);
  });
  server.on('connection', (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close().closeAllConnections());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, accounts, sockets, connections: () => connections };
}

const configOf = (upstreams: object) => load(JSON.stringify({ upstreams }));

async function openStage(t: TestContext, upstreams: object) {
  const { config, apply } = openLiveConfig(configOf(upstreams));
  const metrics = createMetrics();
  const ledger = createBudgetLedger({ metrics, log, clock: Date.now });
  const own = { log, metrics, env: {}, version: '1', instanceId: 'i', tokens: undefined, ledger, clock: Date.now };
  const { table, close } = await openAll(async (closers) => ({
    table: openUpstreams(config.live, { ...own, wrap: (upstream) => upstream }, closers),
    close: () => closers.closeAll(),
  }));
  t.after(close);
  const { credentialsRefused, remaining } = metrics.upstreamBudget;
  const refused = async () =>
    (await credentialsRefused.get()).values.map(({ labels, value }) => [labels.credential, value]);
  const states = async () => (await metrics.upstreamEndpointState.get()).values.map(({ labels }) => labels.endpoint);
  return { table, reload: (next: object) => apply(configOf(next)), states, refused, remaining };
}

test('an upstream keeps its connections until a setting of them changes', async (t) => {
  const { url, accounts, sockets, connections } = await startRegistry(t);
  const entry = { url, username: 'ada', password: 'one' };
  const { table, reload } = await openStage(t, { 'a.test': entry });
  const upstream = table.get('a.test') ?? assert.fail();
  const request = () => upstream.headBlob(repository, digest);
  await request();
  const before = connections();
  await reload({ 'a.test': { ...entry, ttl: '1h', aliases: ['b'], maxage: '9h' }, 'c.test': { url } });
  await request();
  assert.deepEqual([accounts.splice(0), connections()], [['ada:one', 'ada:one'], before]);
  const old = [...sockets];
  await reload({ 'a.test': { ...entry, password: 'two' }, 'c.test': { url } });
  assert.equal(table.get('a.test'), upstream);
  await until(() => old.every((socket) => socket.destroyed));
  await request();
  assert.deepEqual(accounts, ['ada:two']);
  assert.ok(connections() > before);
});

const credentials = (...names: string[]) =>
  Object.fromEntries(names.map((name) => [name, { username: name, password: 'one' }]));

test('the metrics of removed credentials and registries are removed, and a late call does not add them again', async (t) => {
  const { url } = await startRegistry(t);
  const endpoint = new URL(url).host;
  const { table, reload, refused, remaining } = await openStage(t, {
    'a.test': { url, credentials: credentials('a', 'b') },
  });
  assert.deepEqual(await refused(), [
    ['a', 0],
    ['b', 0],
  ]);
  for (const credential of ['a', 'b']) remaining.set({ upstream: 'a.test', endpoint, credential }, 1);
  await reload({ 'a.test': { url, credentials: credentials('b', 'c') } });
  assert.deepEqual(await refused(), [
    ['b', 0],
    ['c', 0],
  ]);
  assert.deepEqual(
    (await remaining.get()).values.map(({ labels }) => labels.credential),
    ['b'],
  );
  await reload({});
  await table.get('a.test')?.headBlob(repository, digest);
  assert.deepEqual([await refused(), (await remaining.get()).values], [[], []]);
});

test('a removed upstream with a call in flight is not found after a minute, and closes after its call', async (t) => {
  const { url, sockets } = await startRegistry(t);
  const entry = { url, username: 'ada', password: 'one' };
  const { table, reload } = await openStage(t, { 'a.test': entry });
  const body = await table.get('a.test')?.getBlob(repository, digest);
  await reload({});
  await new Promise((resolve) => setTimeout(resolve, 61_000));
  assert.ok(!table.has('a.test'));
  body?.close();
  await until(() => sockets.size === 0);
});

test('a removed upstream closes its connections, is found by jobs for a minute, and may come back', async (t) => {
  const { url, accounts, sockets } = await startRegistry(t);
  const a = { url, username: 'ada', password: 'one' };
  const b = { url: 'http://b.test' };
  const { table, reload, states } = await openStage(t, { 'a.test': a, 'b.test': b });
  await table.get('a.test')?.headBlob(repository, digest);
  assert.ok(sockets.size > 0);
  await reload({ 'b.test': b });
  await until(() => sockets.size === 0);
  assert.deepEqual(await states(), ['b.test']);
  await table.get('a.test')?.headBlob(repository, digest);
  assert.equal(accounts.length, 2);
  await until(() => sockets.size === 0);
  assert.deepEqual(await states(), ['b.test']);
  await reload({ 'a.test': a, 'b.test': b });
  await new Promise((resolve) => setTimeout(resolve, 61_000));
  assert.ok(table.has('a.test'));
  assert.deepEqual(await states(), ['b.test', new URL(url).host]);
  await reload({ 'b.test': b });
  await new Promise((resolve) => setTimeout(resolve, 61_000));
  assert.deepEqual([...table.keys()], ['b.test']);
});
