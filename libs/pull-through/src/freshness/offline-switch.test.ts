import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { BlobStore } from '@cistern/blob-store';
import { createMemoryStore } from '@cistern/blob-store/memory';
import { createTestIndex } from '@cistern/index/testing';
import { CacheError } from '@cistern/errors';
import { createMetrics } from '@cistern/telemetry';
import { openLogInOutage } from '@cistern/telemetry/testing/open-log-in-outage';
import { until } from '@cistern/runtime/testing';
import { decideOffline, readOfflineDecisions, openOfflineSwitch } from './open-offline-switch.ts';

const upstreams = [
  { name: 'docker.io', isOffline: false },
  { name: 'quay.io', isOffline: true },
];

const publish = () => Promise.reject(new CacheError('index-unavailable', 'away'));

function startParts(t: TestContext) {
  const { log, messages } = openLogInOutage('store-unavailable');
  const store = createMemoryStore();
  const index = createTestIndex({ now: Date.now });
  const metrics = createMetrics({ upstreams: upstreams.map(({ name }) => name) });
  const open = async (over: BlobStore = store) => {
    const opened = await openOfflineSwitch({ store: over, index, upstreams: () => upstreams, log, metrics });
    t.after(() => opened.close());
    return opened;
  };
  return { store, index, metrics, open, messages };
}

test('the configuration applies until an operator decides, for the cluster or for one upstream', async (t) => {
  const { store, index, metrics, open } = startParts(t);
  const nodes = [await open(), await open()];
  const becomes = async (docker: boolean, quay: boolean) =>
    until(() => nodes.every((node) => node.isOffline('docker.io') === docker && node.isOffline('quay.io') === quay));
  await becomes(false, true);
  await decideOffline({ store, index }, { offline: true });
  await becomes(true, true);
  await decideOffline({ store, index }, { upstream: 'docker.io', offline: false });
  await becomes(false, true);
  assert.match(await metrics.registry.metrics(), /cistern_upstream_offline\{upstream="quay.io"\} 1/);
  const { all, upstreams: decided } = await readOfflineDecisions(store);
  assert.deepEqual([all, [...decided]], [true, [['docker.io', false]]]);
  // A decision for all upstreams also replaces the decision for this upstream.
  await decideOffline({ store, index }, { offline: true });
  await becomes(true, true);
  await decideOffline({ store, index }, { offline: false });
  await becomes(false, false);
  await decideOffline({ store, index }, { offline: undefined });
  await becomes(false, true);
});

test('a decision outlives the nodes and the index', async (t) => {
  const { store, index, open } = startParts(t);
  await decideOffline({ store, index }, { upstream: 'docker.io', offline: true });
  assert.equal((await open()).isOffline('docker.io'), true);
});

test('a decision can be made while the index is unavailable', async (t) => {
  const { store, open } = startParts(t);
  const index = { pubsub: { publish, subscribe: async () => () => {} } };
  await decideOffline({ store, index }, { upstream: 'docker.io', offline: true });
  assert.equal((await open()).isOffline('docker.io'), true);
});

test('without the store, the configuration applies at startup, and later the last decision stays', async (t) => {
  const { store, index, open, messages } = startParts(t);
  const faults = { isUnavailable: true };
  const failing: BlobStore = {
    ...store,
    async *listObjects(prefix) {
      if (faults.isUnavailable) throw new CacheError('store-unavailable', 'away');
      yield* store.listObjects(prefix);
    },
  };
  const node = await open(failing);
  assert.deepEqual([node.isOffline('docker.io'), node.isOffline('quay.io')], [false, true]);
  assert.deepEqual(
    messages(),
    ['upstream switched offline by operator or setting', 'failed to read offline switches, keeping last state'],
    'an outage does not hide the lines',
  );
  faults.isUnavailable = false;
  await decideOffline({ store, index }, { offline: true });
  await until(() => node.isOffline('docker.io'));
  faults.isUnavailable = true;
  await index.pubsub.publish('offline');
  assert.equal(node.isOffline('docker.io'), true);
});

test('an object that is not a valid decision is ignored', async (t) => {
  const { store, open } = startParts(t);
  await store.writeObject('cistern/state/offline/docker.io.json', Buffer.from('{"schema":2,"offline":true}'));
  await store.writeObject('cistern/state/offline/_all.json', Buffer.from('no json'));
  const node = await open();
  assert.equal(node.isOffline('docker.io'), false);
});
