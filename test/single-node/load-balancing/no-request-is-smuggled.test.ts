// Sends requests that two servers may read in two ways, through the shipped configuration of haproxy. Neither haproxy
// nor a frontend takes a request's body for another request.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { hiddenName, smugglingForms } from '@cistern/frontend/testing/smuggling-forms';
import { startHaproxy } from '@cistern/test-servers';
import { cacheOf, openCistern, openUpstream } from '../src/open-stage.ts';
import { exchange } from '../src/send-raw.ts';
import { sendRequest } from '../src/send-request.ts';
import { until } from '../src/until.ts';

const upstream = await openUpstream({ after });
upstream.addImage(hiddenName, { tag: 'latest' });
const http = { proxyprotocol: true, trustedproxies: ['127.0.0.2/32'] };
const cistern = await openCistern({ after }, { config: { ...cacheOf(upstream), http } });
const debugPort = Number(new URL(cistern.metricsUrl).port);
const haproxy = await startHaproxy({ frontends: [{ port: cistern.port, debugPort }] });
after(haproxy.close);
const requestsLogged = () => cistern.log().filter((line) => line.includes(hiddenName));

for (const { what, text, balanced } of smugglingForms)
  test(`request smuggling through haproxy: ${what}`, async () => {
    const received = (await exchange(haproxy.port, text)).toString('latin1');
    const statuses = [...received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, code]) => Number(code));
    assert.deepEqual(statuses, balanced);
  });

test('no frontend and no upstream received a hidden request, and a visible one was received', async () => {
  assert.deepEqual(requestsLogged(), []);
  assert.equal(upstream.count(), 0);
  assert.equal((await sendRequest(`${haproxy.url}/v2/${hiddenName}/tags/list`)).status, 200);
  await until('the request is logged', () => requestsLogged().length > 0);
  assert.ok(upstream.count() > 0);
});
