// Tests that an operator's decision at run time reaches nodes that share only Redis and a store.
// real-time: setImmediate lets the event loop turn while Redis answers
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { createMemoryStore } from '@cistern/blob-store/memory';
import { openRedisIndex } from '@cistern/index/redis';
import { decideOffline, openOfflineSwitch } from '@cistern/pull-through';
import { createLogger, createMetrics } from '@cistern/telemetry';
import { commandTimeoutMs, startRedis } from '@cistern/test-servers';

const log = createLogger({ level: 'error', formatter: 'json', destination: { write() {} } });
const upstreams = ['docker.io', 'quay.io'].map((name) => ({ name, isOffline: false }));
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await setImmediate();
}

async function openNode(t: TestContext, port: number, store: ReturnType<typeof createMemoryStore>) {
  const connection = { kind: 'standalone', host: '127.0.0.1', port } as const;
  const index = await openRedisIndex({
    connection,
    keyPrefix: 'offline:',
    commandTimeoutMs: commandTimeoutMs.patient,
    log,
  });
  const offline = await openOfflineSwitch({ store, index, upstreams: () => upstreams, log, metrics: createMetrics() });
  t.after(async () => {
    await offline.close();
    await index.close();
  });
  return { index, isOffline: offline.isOffline };
}

test('a switch on one node reaches the other nodes, and nodes that start later apply it', async (t) => {
  const redis = await startRedis();
  t.after(() => redis.close());
  // Nodes also poll every ten seconds. The mocked timers prevent that here.
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const store = createMemoryStore();
  const [first, second] = await Promise.all([openNode(t, redis.port, store), openNode(t, redis.port, store)]);
  await decideOffline({ store, index: first.index }, { upstream: 'docker.io', offline: true });
  await until(() => second.isOffline('docker.io'));
  assert.equal(second.isOffline('quay.io'), false);
  assert.equal((await openNode(t, redis.port, store)).isOffline('docker.io'), true);
  await decideOffline({ store, index: second.index }, { offline: false });
  await until(() => !first.isOffline('docker.io'));
});
