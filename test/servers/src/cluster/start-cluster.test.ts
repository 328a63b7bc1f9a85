import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { type Cluster, startCluster } from './start-cluster.ts';

const run = promisify(execFile);

let cluster: Cluster;
before(async () => {
  cluster = await startCluster({ frontends: 2, config: { log: { fields: { of: 'this test' } } } });
});
after(() => cluster.close());

const status = async (url: string, timeoutMs = 10_000) =>
  (await fetch(url, { signal: AbortSignal.timeout(timeoutMs) })).status;

test('clients connect through the balancer, or to a frontend directly', async () => {
  assert.deepEqual([cluster.frontends.length, cluster.workers.length], [2, 2]);
  for (const { url } of [cluster, ...cluster.frontends]) assert.equal(await status(`${url}/v2/`), 200);
  for (const { metricsUrl } of [...cluster.frontends, ...cluster.workers])
    assert.equal(await status(`${metricsUrl}/metrics`), 200);
});

test('all nodes read one configuration, and each has its own log', () => {
  for (const node of [...cluster.frontends, ...cluster.workers])
    assert.ok(
      node.log().some((line) => line.includes('this test')),
      node.name,
    );
});

test('a stopped or killed node starts again at its address', async () => {
  for (const node of [cluster.frontends[0], cluster.workers[0]]) {
    assert.ok(node);
    const { pid, url } = node;
    assert.deepEqual(await node.stop(), { code: 0, signal: null });
    assert.deepEqual(await node.stop(), { code: 0, signal: null });
    await node.start();
    assert.notEqual(node.pid, pid);
    await node.kill();
    assert.equal(node.isRunning(), false);
    await assert.rejects(fetch(url));
    await node.start();
    assert.equal(node.url, url);
    assert.equal(await status(`${node.metricsUrl}/readyz`), 200);
  }
});

test('a node starts as another product, and keeps it', async (t) => {
  const product = await mkdtemp(join(tmpdir(), 'cistern-product-'));
  t.after(() => rm(product, { recursive: true }));
  await mkdir(join(product, 'launch'));
  const program = `
    import { createServer } from 'node:http';
    const [, port] = process.env.REGISTRY_HTTP_DEBUG_ADDR.split(':');
    createServer((_, response) => response.end('another product')).listen(port, '127.0.0.1');`;
  await writeFile(join(product, 'launch', 'packed.mjs'), program);
  const [worker] = cluster.workers;
  assert.ok(worker);
  const answer = async () => (await fetch(`${worker.metricsUrl}/readyz`)).text();
  assert.notEqual(await answer(), 'another product');
  for (const given of [product, undefined]) {
    await worker.kill();
    await worker.start(given);
    assert.equal(await answer(), 'another product');
  }
});

test('a frozen node answers once it is thawed', async () => {
  const [frontend] = cluster.frontends;
  assert.ok(frontend);
  frontend.freeze();
  await assert.rejects(status(`${frontend.url}/v2/`, 300), { name: 'TimeoutError' });
  frontend.thaw();
  assert.equal(await status(`${frontend.url}/v2/`), 200);
});

test('isolated frontends reach Redis, S3 and workers, and nothing else', async (t) => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  t.after(() => other.close());
  const { redis, s3 } = cluster;
  const isolated = await startCluster({ frontends: 2, workers: 1, redis, s3, isolateFrontends: true });
  t.after(isolated.close);
  const [frontend] = isolated.frontends;
  const [worker] = isolated.workers;
  assert.ok(frontend && worker);
  for (const { url } of [isolated, ...isolated.frontends]) assert.equal(await status(`${url}/v2/`), 200);
  const reaches = (port: number) =>
    run('nsenter', [`--net=/proc/${frontend.pid}/ns/net`, 'bash', '-c', `exec 3<>/dev/tcp/127.0.0.1/${port}`]).then(
      () => true,
      () => false,
    );
  for (const port of [redis.port, Number(new URL(s3.endpoint).port), worker.port])
    assert.equal(await reaches(port), true);
  assert.equal(await reaches((other.address() as AddressInfo).port), false);
  const interfaces = (await run('nsenter', [`--net=/proc/${frontend.pid}/ns/net`, 'ip', '-brief', 'link'])).stdout;
  assert.match(interfaces, /^lo [^\n]*\n$/);
  await frontend.kill();
  await frontend.start();
  assert.equal(await status(`${frontend.url}/v2/`), 200);
});

test('a closed cluster leaves nothing behind, not even a frozen node', async () => {
  const { redis, s3 } = cluster;
  const second = await startCluster({ frontends: 1, workers: 1, redis, s3 });
  const nodes = [...second.frontends, ...second.workers];
  second.frontends[0]?.freeze();
  await second.close();
  await second.close();
  assert.deepEqual(
    nodes.map((node) => node.isRunning()),
    [false, false],
  );
  assert.equal(existsSync(dirname(second.configFile)), false);
  assert.equal(await redis.command('PING'), 'PONG');
});
