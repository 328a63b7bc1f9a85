// Tests SIGTERM: requests in flight complete, no new ones are accepted, and nothing outlasts `draintimeout`.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, test } from 'node:test';
import { createGate, type FakeUpstream } from '@cistern/fake-upstream';
import { cacheOf, openCistern, openProcess, openUpstream, seededBytes } from '../src/open-stage.ts';
import { beginDownload, sendRequest } from '../src/send-request.ts';
import type { Cache } from '../src/start-cache.ts';
import { until } from '../src/until.ts';

const size = 2_000_000;

async function beginSlowDownload(upstream: FakeUpstream, cistern: Pick<Cache, 'url'>, seed: string) {
  const blob = seededBytes(size, seed);
  const { digest } = upstream.addBlob('library/app', blob);
  const gate = createGate();
  upstream.addFault({ digest, method: 'GET' }, { gate });
  gate.allow(size / 2);
  const download = await beginDownload(`${cistern.url}/v2/library/app/blobs/${digest}`);
  await download.untilReceived(size / 4);
  return { blob, gate, download };
}

function isRefused(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', () => resolve(true));
  });
}

const upstream = await openUpstream({ after });

test('a slow download completes, new connections are refused, and the exit is clean', async (t) => {
  const cistern = await openProcess(t, { config: { ...cacheOf(upstream), http: { draintimeout: '20s' } } });
  const { blob, gate, download } = await beginSlowDownload(upstream, cistern, 'slow');
  const idle = await fetch(`${cistern.url}/v2/`);
  assert.equal(await idle.text(), '{}');

  cistern.process.sendSignal('SIGTERM');
  await until('new connections are refused', () => isRefused(cistern.port));
  const ready = await sendRequest(`${cistern.metricsUrl}/readyz`);
  assert.equal(ready.status, 503);
  assert.equal((JSON.parse(ready.body.toString()) as { draining: boolean }).draining, true);
  assert.ok(cistern.process.isRunning(), 'the process waits for the download');

  gate.release();
  const answer = await download.ended;
  assert.ok(answer.complete && answer.body.equals(blob));
  assert.deepEqual(await cistern.process.waitForExit(), { code: 0, signal: null });
});

test('a download that does not end is cut off after the draintimeout', async (t) => {
  const cistern = await openCistern(t, { config: { ...cacheOf(upstream), http: { draintimeout: '1s' } } });
  const { download } = await beginSlowDownload(upstream, cistern, 'stuck');
  const [answer] = await Promise.all([download.ended, cistern.stop()]);
  assert.equal(answer.complete, false, 'the client does not see a complete response');
  assert.ok(await isRefused(cistern.port));
});

test('the process exits immediately if nothing is in flight', async (t) => {
  const cistern = await openCistern(t, { config: { ...cacheOf(upstream), http: { draintimeout: '1h' } } });
  await (await fetch(`${cistern.url}/v2/`)).text();
  await cistern.stop();
  assert.ok(await isRefused(cistern.port));
});
