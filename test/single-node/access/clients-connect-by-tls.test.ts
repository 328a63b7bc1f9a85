import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { once } from 'node:events';
import { test } from 'node:test';
import { digestOf } from '@cistern/oci';
import { makeAuthority } from '@cistern/tls/testing/make-authority';
import { readMetrics } from '../src/read-metrics.ts';
import { runCommand as runCistern } from '@cistern/cli/testing/start-command';
import { sendRequest } from '../src/send-request.ts';
import { until } from '../src/until.ts';
import { openTlsStage } from './open-tls-stage.ts';

test('images are pulled over HTTPS, and a connection without TLS is closed', async (t) => {
  const { cistern, image, trust, configFile } = await openTlsStage(t);
  const base = `${cistern.url}/v2/library/app`;
  const manifest = await sendRequest(`${base}/manifests/latest`, { tls: trust });
  assert.equal(digestOf(manifest.body), image.digest);
  for (const { digest } of [image.config, ...image.layers])
    assert.equal(digestOf((await sendRequest(`${base}/blobs/${digest}`, { tls: trust })).body), digest);
  await assert.rejects(sendRequest(`${base}/manifests/latest`), /unable to verify the first certificate/);
  const plain = connect({ host: '127.0.0.1', port: cistern.port });
  plain.on('error', () => {});
  plain.write('GET /v2/ HTTP/1.1\r\nhost: cache\r\n\r\n');
  await once(plain.resume(), 'close');
  const metrics = await readMetrics(cistern);
  assert.equal(metrics.get('cistern_tls_handshake_failures_total{reason="protocol"}'), 1);
  const expiry = metrics.get('cistern_tls_certificate_expiry_timestamp_seconds{listener="http"}') ?? 0;
  // real-time: the certificate is valid for more than a day from now
  assert.ok(expiry > Date.now() / 1000 + 86_400);
  assert.ok(cistern.log().some((line) => line.includes('https://localhost:')));
  const { code, stdout } = await runCistern(['healthcheck', configFile]);
  assert.deepEqual([code, stdout], [0, 'ready\n']);
});

test('only clients with a certificate of the configured authorities pull', async (t) => {
  const [ours, others] = [await makeAuthority(), await makeAuthority()];
  const { cistern, trust } = await openTlsStage(t, { clientAuthority: ours.certificate });
  const pull = async (from?: typeof ours) => {
    const { certificate, key } = (await from?.issue(['DNS:client.test'])) ?? {};
    const tls = { ...trust, ...(certificate !== undefined && { cert: certificate, key }) };
    return (await sendRequest(`${cistern.url}/v2/library/app/manifests/latest`, { tls })).status;
  };
  assert.equal(await pull(ours), 200);
  await assert.rejects(pull(others));
  await assert.rejects(pull());
  await until(
    'the log has the reason',
    () => cistern.log().filter((line) => line.includes('rejected client certificate')).length === 2,
  );
});
