// Tests behind the real haproxy that `limits.connections` applies to each client and not to haproxy, also for clients
// in a trusted network.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { startHaproxy } from '@cistern/test-servers';
import { cacheOf, openCistern, openUpstream } from '../src/open-stage.ts';

/** Sends one request on a new connection, which stays open. Resolves to the status. */
function statusOf(t: TestContext, port: number, localAddress: string): Promise<number> {
  const socket = connect({ host: '127.0.0.1', port, localAddress });
  t.after(() => socket.destroy());
  socket.write('GET /v2/ HTTP/1.1\r\nHost: cache.test\r\n\r\n');
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  socket.once('data', (bytes: Buffer) => resolve(Number(bytes.toString().split(' ')[1])));
  socket.once('error', reject);
  return promise;
}

test('a client at its limit of connections gets no more, and others are not affected', async (t) => {
  const upstream = await openUpstream(t);
  const http = { proxyprotocol: true, trustedproxies: ['127.0.0.0/8'] };
  const cistern = await openCistern(t, { config: { ...cacheOf(upstream), http, limits: { connections: 2 } } });
  const debugPort = Number(new URL(cistern.metricsUrl).port);
  const haproxy = await startHaproxy({ frontends: [{ port: cistern.port, debugPort }] });
  t.after(haproxy.close);
  const statuses: number[] = [];
  for (const address of ['127.0.0.7', '127.0.0.7', '127.0.0.7', '127.0.0.8', '127.0.0.8'])
    statuses.push(await statusOf(t, haproxy.port, address));
  assert.deepEqual(statuses, [200, 200, 502, 200, 200]);
});
