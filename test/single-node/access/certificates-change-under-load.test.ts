import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:tls';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { digestOf } from '@cistern/oci';
import { readMetrics } from '../src/read-metrics.ts';
import { beginDownload, sendRequest } from '../src/send-request.ts';
import { until } from '../src/until.ts';
import { openTlsStage } from './open-tls-stage.ts';

test('no request fails and downloads continue when a certificate is replaced while clients pull', async (t) => {
  const { cistern, image, trust, replaceCertificate } = await openTlsStage(t, {
    // Larger than the buffers of two sockets.
    layerBytes: 32_000_000,
  });
  const url = (path: string) => `${cistern.url}/v2/library/app/${path}`;
  const [layer] = image.layers;
  assert.ok(layer);
  const namesOf = async () => {
    const socket = connect({ host: '127.0.0.1', port: cistern.port, ...trust });
    await once(socket, 'secureConnect');
    const { subjectaltname = '' } = socket.getPeerCertificate();
    socket.destroy();
    return subjectaltname;
  };
  assert.match(await namesOf(), /first\.test/);
  assert.equal((await sendRequest(url('manifests/latest'), { tls: trust })).status, 200);

  // The reader holds this download back.
  const download = await beginDownload(url(`blobs/${layer.digest}`), { tls: trust });
  await download.untilReceived(1);
  download.pause();
  const failures: string[] = [];
  let requests = 0;
  let stopped = false;
  t.after(() => (stopped = true));
  const client = async () => {
    while (!stopped) {
      const answer = await sendRequest(url(`manifests/${image.digest}`), { tls: trust }).catch((error: Error) => error);
      requests += 1;
      // real-time: the load of clients leaves the machine time for other work
      await delay(20);
      if (answer instanceof Error) failures.push(answer.message);
      else if (answer.status !== 200 || digestOf(answer.body) !== image.digest) failures.push(`${answer.status}`);
    }
  };
  const clients = Array.from({ length: 4 }, client);
  for (const name of ['second.test', 'third.test']) {
    await replaceCertificate([`DNS:${name}`]);
    await until(`${name} is served`, async () => (await namesOf()).includes(name), 30_000);
  }
  const before = requests;
  await until('clients connect with the new certificate', () => requests >= before + 20, 30_000);
  stopped = true;
  await Promise.all(clients);
  assert.deepEqual(failures, []);
  download.resume();
  const { body, complete } = await download.ended;
  assert.ok(complete);
  assert.equal(digestOf(body), layer.digest);
  const metrics = await readMetrics(cistern);
  assert.equal(metrics.get('cistern_tls_certificate_reloads_total{result="done"}'), 2);
  t.diagnostic(`${requests} requests, 2 certificates replaced, 0 failures`);
});
