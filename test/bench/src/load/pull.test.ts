import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { percentile, plansFor } from './pull-all.ts';
import { pull } from './pull.ts';

const bytes = Buffer.from('the bytes of a blob');
const blob = { digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`, size: bytes.length };

async function serve(t: TestContext, answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('the right bytes are accepted, and wrong, missing and rejected ones are errors', async (t) => {
  const url = await serve(t, (request, response) => {
    if (request.url === '/right') response.end(bytes);
    else if (request.url === '/wrong') response.end('THE BYTES OF A BLOB');
    else if (request.url === '/short') response.end(bytes.subarray(1));
    else if (request.url === '/broken') {
      response.writeHead(200, { 'content-length': blob.size });
      response.write(bytes.subarray(1), () => response.destroy());
    } else if (request.url === '/moved') response.writeHead(307, { location: '/right' }).end();
    else response.writeHead(503).end(bytes);
  });
  const at = (path: string) => pull({ url: url + path, ...blob }, true);
  // real-time: the time of the first byte is in the past; no duration is asserted
  assert.ok((await at('/right')) <= performance.now());
  await at('/moved');
  await assert.rejects(at('/wrong'), /wrong bytes/);
  await assert.rejects(at('/short'), /sent 18 bytes, not 19/);
  await assert.rejects(at('/broken'));
  await assert.rejects(at('/refused'), /got status 503/);
});

test('without digest checks the number of bytes still counts', async (t) => {
  const url = await serve(t, (request, response) => {
    response.end(request.url === '/other' ? 'THE BYTES OF A BLOB' : 'too few');
  });
  await pull({ url: `${url}/other`, ...blob }, false);
  await assert.rejects(pull({ url, ...blob }, false), /sent 7 bytes/);
});

test('clients are dealt to the processes, and start over the given time', () => {
  const pulls = [0, 1, 2, 3].map((number) => ({ url: String(number), ...blob }));
  const plans = plansFor({ pulls, spreadMs: 100 }, 2);
  assert.deepEqual(
    plans.map((plan) => [plan.pulls.map(({ url }) => url), plan.beginsAfterMs]),
    [
      [
        ['0', '2'],
        [0, 50],
      ],
      [
        ['1', '3'],
        [25, 75],
      ],
    ],
  );
});

test('the 99th percentile of a few values is the slowest', () => {
  assert.equal(percentile([1, 2, 3], 0.99), 3);
  assert.equal(percentile([1, 2, 3, 4], 0.5), 3);
});
