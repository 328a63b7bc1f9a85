// Tests TLS on all connections of nodes: mutual between frontends and workers, and with Redis. They share a directory
// on one machine.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createGate } from '@cistern/fake-upstream';
import { makeCertificateFiles, startRedis } from '@cistern/test-servers';
import { openDirectory, openUpstream, seededBytes } from '../src/open-stage.ts';
import { sendRequest } from '../src/send-request.ts';
import { until } from '../src/until.ts';
import { startNode } from './start-node.ts';

const directory = await openDirectory({ after });
const upstream = await openUpstream({ after });
const layer = seededBytes(3_000_000, 'layer');
const image = upstream.addImage('library/app', { tag: 'latest', layers: [layer] });
const digest = image.layers[0]?.digest ?? '';

const redis = await startRedis({ tls: true, username: 'cistern', password: 'hunter2' });
after(() => redis.close());
const redisAuthority = join(directory, 'redis-ca.crt');
await writeFile(redisAuthority, redis.ca ?? '');
await mkdir(join(directory, 'nodes'));
const { caFile, certFile, keyFile } = await makeCertificateFiles(join(directory, 'nodes'));

const configFile = join(directory, 'cluster.yml');
await writeFile(
  configFile,
  JSON.stringify({
    redis: {
      addrs: [`127.0.0.1:${redis.port}`],
      username: redis.username,
      password: redis.password,
      tls: { ca: redisAuthority },
      commandtimeout: '10s',
    },
    cluster: { secret: randomUUID() },
    worker: { tls: { certificate: certFile, key: keyFile, ca: caFile } },
    storage: { filesystem: { rootdirectory: join(directory, 'shared') } },
    http: { debug: { prometheus: { enabled: true } } },
    // The gate may hold a body for a long time on a busy machine.
    upstreams: { 'docker.io': { url: upstream.url, timeouts: { silence: '1h', body: '1h' } } },
  }),
);

test('a frontend follows a fill over mutual TLS, and a stranger cannot', async (t) => {
  // Held, so that the frontend cannot read from the store instead.
  const gate = createGate();
  upstream.addFault({ digest, method: 'GET' }, { gate });
  gate.allow(1_000_000);
  const worker = await startNode(t, 'worker', configFile);
  const frontend = await startNode(t, 'frontend', configFile);
  assert.equal((await sendRequest(`${frontend.url}/v2/library/app/manifests/latest`)).status, 200);
  const pulled = sendRequest(`${frontend.url}/v2/library/app/blobs/${digest}`);
  await gate.blocked();
  await until('the frontend reads the fill of the worker', async () => {
    const metrics = await (await fetch(`${worker.debugUrl}/metrics`)).text();
    return Number(/^cistern_fill_sent_bytes_total (\d+)$/m.exec(metrics)?.[1]) > 0;
  });
  gate.release();
  assert.ok((await pulled).body.equals(layer));
  await assert.rejects(fetch(worker.url));
});
