import assert from 'node:assert/strict';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import { test, type TestContext } from 'node:test';
import { createLogger, createMetrics } from '@cistern/telemetry';
import { buildNode, type NodeOptions } from './build-node.ts';
import { createHttpApp } from './create-http-app.ts';
import type { BoundAddress } from './listen.ts';
import type { Problem } from './problem-board.ts';
import { until } from '../testing/until.ts';

const config: NodeOptions['config'] = {
  http: {
    debug: {
      address: { kind: 'tcp', host: '127.0.0.1', port: 0 },
      explicit: true,
      prometheus: { enabled: true, path: '/metrics' },
    },
  },
};

/** Opens a listener whose requests wait until the test sends their responses. */
function holdingListener(key: string) {
  const held: ServerResponse[] = [];
  const app = createHttpApp(createServer((_request, response) => void held.push(response)));
  return { held, listener: { app, address: { kind: 'tcp', host: '127.0.0.1', port: 0 }, key } as const };
}

function build(t: TestContext, options: Pick<NodeOptions, 'clients' | 'peers' | 'work'>) {
  const log = createLogger({ level: 'error', formatter: 'json' });
  const node = buildNode({ config, log, metrics: createMetrics(), ...options });
  t.after(() => node.close(0));
  return node;
}

function fetchStatus(address: BoundAddress | undefined, path = '/'): Promise<number> {
  const port = address?.kind === 'tcp' ? address.port : 0;
  return new Promise((resolve, reject) => {
    const onResponse = (answer: IncomingMessage) => resolve(answer.resume().statusCode ?? 0);
    get({ host: '127.0.0.1', port, path, agent: false }, onResponse).on('error', reject);
  });
}

test('a closing node ends its clients first, then its work, and its peers last', async (t) => {
  const events: string[] = [];
  const clients = holdingListener('http.addr');
  const peers = holdingListener('worker.addr');
  const workEnds = Promise.withResolvers<void>();
  const work = {
    problems: { look: async () => [] },
    async close() {
      events.push('work closes');
      await workEnds.promise;
    },
  };
  const node = build(t, { clients: clients.listener, peers: peers.listener, work });
  const listening = await node.listen();
  assert.equal(await fetchStatus(listening.debug, '/readyz'), 200);
  const client = fetchStatus(listening.clients);
  await until(() => clients.held.length === 1);
  const closing = node.close(60_000);
  assert.equal(await fetchStatus(listening.debug, '/readyz'), 503);
  await assert.rejects(fetchStatus(listening.clients), /ECONNREFUSED/);
  assert.deepEqual(events, []);

  clients.held[0]?.end();
  assert.equal(await client, 200);
  await until(() => events.length === 1);
  const peer = fetchStatus(listening.peers);
  await until(() => peers.held.length === 1);
  peers.held[0]?.end();
  assert.equal(await peer, 200);

  workEnds.resolve();
  await closing;
  await assert.rejects(fetchStatus(listening.peers), /ECONNREFUSED/);
  await assert.rejects(fetchStatus(listening.debug), /ECONNREFUSED/);
});

test('a node is unready while a part of its work is', async (t) => {
  const problem = { kind: 'k', part: 'index', severity: 'critical', isUnready: true, sinceMs: 1 } as const;
  let problems: readonly Problem[] = [{ ...problem, reason: 'It hangs.', works: 'Nothing.', mend: 'Wait.' }];
  const work = { problems: { look: async () => problems }, close: async () => {} };
  const { debug } = await build(t, { work }).listen();
  assert.equal(await fetchStatus(debug, '/readyz'), 503);
  problems = [];
  assert.equal(await fetchStatus(debug, '/readyz'), 200);
});
