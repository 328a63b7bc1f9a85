// Scrubs 10 GiB on a disk at the configured rate. The machine needs the disk space and should do little else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cacheOf, openCistern, openDirectory, openUpstream } from '@cistern/single-node/open-stage';
import { until } from '@cistern/single-node/until';
import { readMetric } from '../src/read-metric.ts';

const mebibyte = 1024 * 1024;
const blobs = 160;
const size = 64 * mebibyte;
const bytesPerSecond = 64 * mebibyte;

test('a scrub of 10 GiB keeps its rate of 64 MiB a second', async (t) => {
  const upstream = await openUpstream(t);
  const rootDirectory = await openDirectory(t);
  const open = (env: Readonly<Record<string, string>>) =>
    openCistern(t, { rootDirectory, config: cacheOf(upstream), env });
  const filling = await open({ REGISTRY_STORAGE_SCRUB_ENABLED: 'false' });
  for (let at = 0; at < blobs; at += 1) {
    const { digest } = upstream.addBlob('library/app', { size, seed: `scrubbed ${at}` });
    const answer = await fetch(`${filling.url}/v2/library/app/blobs/${digest}`);
    for await (const chunk of answer.body!) assert.ok(chunk.length > 0);
  }
  await until(
    'all blobs are stored',
    async () => (await readMetric([nodeOf(filling)], 'cistern_fills_in_flight')) === 0,
    60_000,
  );
  await filling.stop();

  const env = { REGISTRY_STORAGE_SCRUB_EVERY: '10s', REGISTRY_STORAGE_SCRUB_BANDWIDTH: String(bytesPerSecond) };
  const node = nodeOf(await open(env));
  const read = () => readMetric([node], 'cistern_scrub_bytes_total');
  await until('the scrub has begun', async () => (await read()) > 0, 60_000);
  // real-time: a rate of bytes; a slow machine only lowers it
  const [beganAtMs, before] = [performance.now(), await read()];
  await until('all bytes are read', async () => (await read()) >= blobs * size, 600_000);
  // real-time: a rate of bytes; a slow machine only lowers it
  const seconds = (performance.now() - beganAtMs) / 1000;
  const rate = (blobs * size - before) / seconds;
  t.diagnostic(
    `${((blobs * size) / 1024 ** 3).toFixed(1)} GiB in ${seconds.toFixed(1)} s: ${(rate / mebibyte).toFixed(1)} MiB/s`,
  );
  assert.ok(rate < bytesPerSecond * 1.03, `${rate} bytes a second`);
});

function nodeOf({ metricsUrl }: { readonly metricsUrl: string }) {
  return { metricsUrl, isRunning: () => true };
}
