// Tests behind the real haproxy, which speaks the PROXY protocol, that the logs show the client's address and not
// haproxy's.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startHaproxy } from '@cistern/test-servers';
import { cacheOf, openCistern, openUpstream, seededBytes } from '../src/open-stage.ts';
import { sendRequest } from '../src/send-request.ts';
import { until } from '../src/until.ts';

// All of 127.0.0.0/8 is this machine. haproxy connects from 127.0.0.2.
const client = '127.0.0.7';

for (const version of [1, 2] as const)
  test(`version ${version}: the log has the client's address for every connection`, async (t) => {
    const upstream = await openUpstream(t);
    const http = { proxyprotocol: true, trustedproxies: ['127.0.0.2/32'] };
    const cistern = await openCistern(t, { config: { ...cacheOf(upstream), log: { formatter: 'json' }, http } });
    const debugPort = Number(new URL(cistern.metricsUrl).port);
    const haproxy = await startHaproxy({ frontends: [{ port: cistern.port, debugPort }], proxyProtocol: version });
    t.after(haproxy.close);

    const blob = seededBytes(3_000_000, version);
    const { digest } = upstream.addBlob('library/app', blob);
    const path = `/v2/library/app/blobs/${digest}`;
    for (let pull = 0; pull < 3; pull++) {
      const { body } = await sendRequest(haproxy.url + path, { localAddress: client });
      assert.ok(body.equals(blob));
    }
    await sendRequest(haproxy.url + path, { localAddress: '127.0.0.8' });
    // A client that is not trusted connects without a header, under its own address.
    await sendRequest(cistern.url + path, { localAddress: '127.0.0.9' });

    const addresses = () =>
      cistern
        .log()
        .filter((line) => line.startsWith('{') && line.includes(digest.slice(0, 19)))
        .map((line) => (JSON.parse(line) as { client?: string }).client)
        .filter((address) => address !== undefined);
    await until('all requests are logged', () => addresses().length === 5);
    assert.deepEqual(addresses(), [client, client, client, '127.0.0.8', '127.0.0.9']);
    await until('health checks pass', async () => (await haproxy.frontendStates())[0] === 'UP');
    assert.ok(!cistern.log().some((line) => line.includes('PROXY header')));
  });

test('a connection of a trusted balancer without the protocol is closed, with a log line', async (t) => {
  const upstream = await openUpstream(t);
  const http = { proxyprotocol: true, trustedproxies: ['127.0.0.2/32'] };
  const cistern = await openCistern(t, { config: { ...cacheOf(upstream), http } });
  await assert.rejects(sendRequest(`${cistern.url}/v2/`, { localAddress: '127.0.0.2' }), { code: 'ECONNRESET' });
  await until('the rejection is logged', () => cistern.log().some((line) => line.includes('without a PROXY header')));
});
