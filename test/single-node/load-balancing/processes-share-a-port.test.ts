// Tests several processes of one machine on one port: the system spreads the connections, and each process can stop
// alone.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cacheOf, openCistern, openProcess, openUpstream } from '../src/open-stage.ts';
import { sendRequest } from '../src/send-request.ts';
import { until } from '../src/until.ts';

test('each process gets requests, and when one stops the other takes over without a failure', async (t) => {
  const upstream = await openUpstream(t);
  const config = { ...cacheOf(upstream), http: { reuseport: true } };
  const first = await openCistern(t, { config });
  const second = await openProcess(t, { config, port: first.port });
  const served = [first, second].map(
    (cistern) => () => cistern.log().filter((line) => line.includes(' /v2/ 200 ')).length,
  );
  const request = async () => assert.equal((await sendRequest(`${first.url}/v2/`)).status, 200);
  await until('both get requests', async () => {
    await request();
    return served.every((count) => count() > 1);
  });
  await second.stop();
  for (let count = 0; count < 20; count++) await request();
});
