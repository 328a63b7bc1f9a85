// Tests one process that orders its certificate by ACME.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { freePort, startPebble } from '@cistern/test-servers';
import { cacheOf, openCistern, openDirectory, openProcess, openUpstream } from '../src/open-stage.ts';
import { readMetrics } from '../src/read-metrics.ts';
import { sendRequest } from '../src/send-request.ts';
import { until } from '../src/until.ts';

async function certificateAt(port: number): Promise<string> {
  const socket: TLSSocket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { subjectaltname = '' } = socket.getPeerCertificate();
  socket.destroy();
  return subjectaltname;
}

/** The key of our account. The authority issues certificates to no other account. */
const hmacKey = randomBytes(32).toString('base64url');

test('a certificate is ordered with a known account, proven by a handshake, kept for the next start, and never ordered twice', async (t) => {
  const directory = await openDirectory(t);
  const upstream = await openUpstream(t);
  upstream.addImage('library/app', { tag: 'latest' });
  const port = await freePort();
  const pebble = await startPebble({
    tlsPort: port,
    httpPort: await freePort(),
    externalAccounts: { 'we-ourselves': hmacKey },
  });
  t.after(() => pebble.close());
  const cachefile = join(directory, 'acme');
  const options = {
    port,
    rootDirectory: join(directory, 'data'),
    env: { NODE_EXTRA_CA_CERTS: pebble.caFile },
    config: {
      ...cacheOf(upstream),
      http: {
        tls: {
          letsencrypt: {
            hosts: ['cache.test', 'www.cache.test'],
            directoryurl: pebble.directoryUrl,
            cachefile,
            eabkid: 'we-ourselves',
            eabhmackey: hmacKey,
          },
        },
      },
    },
  };
  const first = await openProcess(t, options);
  await assert.rejects(certificateAt(port), 'no certificate exists yet');
  await until(
    'it has a certificate',
    () =>
      certificateAt(port).then(
        () => true,
        () => false,
      ),
    60_000,
  );
  assert.equal(await certificateAt(port), 'DNS:cache.test, DNS:www.cache.test');
  const url = `${first.url}/v2/library/app/manifests/latest`;
  assert.equal((await sendRequest(url, { tls: { rejectUnauthorized: false } })).status, 200);
  assert.equal((await readMetrics(first)).get('cistern_acme_orders_total{result="issued"}'), 1);
  assert.equal((await stat(join(cachefile, 'certificate.json'))).mode & 0o77, 0, 'readable only by its owner');
  assert.match(await readFile(join(cachefile, 'account.json'), 'utf8'), /PRIVATE KEY/);
  const output = first.log().join('\n');
  assert.match(output, /no certificate yet/);
  assert.doesNotMatch(output, /PRIVATE KEY/);
  assert.ok(!output.includes(hmacKey));
  await first.stop();

  const second = await openCistern(t, options);
  assert.equal(await certificateAt(port), 'DNS:cache.test, DNS:www.cache.test', 'at once');
  assert.equal((await readMetrics(second)).get('cistern_acme_orders_total{result="issued"}'), 0);
  assert.equal(pebble.issued(), 1);
});
