// Tests `cistern evict --dry-run` and `cistern scrub` against a process that runs on the same data.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cacheOf, openCistern, openDirectory, openUpstream } from '../src/open-stage.ts';
import { readMetrics } from '../src/read-metrics.ts';
import { runCommand as runCistern } from '@cistern/cli/testing/start-command';
import { sendRequest } from '../src/send-request.ts';
import { storedDigests } from '../src/store-files.ts';
import { until } from '../src/until.ts';

test('commands show an operator the next evictions with reasons, and the findings of the scrub', async (t) => {
  const upstream = await openUpstream(t);
  const rootDirectory = await openDirectory(t);
  const env = { REGISTRY_STORAGE_SCRUB_EVERY: '20s', REGISTRY_STORAGE_SCRUB_BANDWIDTH: '100MB' };
  const cistern = await openCistern(t, { rootDirectory, config: cacheOf(upstream, { ttl: '10m' }), env });
  const run = (...args: readonly string[]) => runCistern([...args, '--data', rootDirectory]);
  assert.match((await run('scrub')).stdout, /^The store has not been scrubbed yet\.\n$/);
  const image = upstream.addImage('library/app', { tag: 'latest', layers: [{ size: 300_000, seed: 1 }] });
  const [layer] = image.layers;
  for (const path of ['manifests/latest', `blobs/${layer!.digest}`])
    await sendRequest(`${cistern.url}/v2/library/app/${path}`);
  await until('both are stored', async () => (await storedDigests(rootDirectory)).length === 2);

  let needless = { stdout: '', stderr: '' };
  // A file is in place before the index has its record.
  await until('the index has both', async () => {
    needless = await run('evict', '--dry-run');
    return /^The store holds 30\d kB/.test(needless.stdout);
  });
  assert.equal(needless.stderr, '');
  assert.match(needless.stdout, /: no eviction is needed\. 0 digests are pinned\.\nNothing would be evicted\.\n$/);
  let emptied = needless;
  // A very recent pull may not have reached the index yet.
  await until('both are listed', async () => {
    emptied = await run('evict', '--dry-run', '--down-to', '0');
    return emptied.stdout.includes('2 would be evicted');
  });
  const expected = [
    'The store holds 30\\d kB: it must shrink to 0 bytes. 0 digests are pinned.',
    `${image.digest}  manifest  \\d+ bytes  pulled 0 hours ago: least recently pulled`,
    `${layer!.digest}  blob  30\\d kB  pulled 0 hours ago: least recently pulled`,
    '2 would be evicted, 30\\d kB in total.',
  ];
  assert.match(emptied.stdout, new RegExp(`^${expected.join('\\n')}\\n$`));
  assert.equal((await storedDigests(rootDirectory)).length, 2);
  assert.match((await run('evict')).stderr, /Add --dry-run to list the next evictions/);
  assert.match((await run('evict', '--dry-run', '--down-to', 'much')).stderr, /^cistern: --down-to: .*much/);

  const isRead = async () => (await readMetrics(cistern)).get('cistern_scrub_objects_total{kind="objects"}');
  await until('the scrub has finished', async () => ((await isRead()) ?? 0) >= 2, 60_000);
  const report = /From 20\d\d-.* to 20\d\d-.*: 2 objects \(30\d kB\), none damaged; 0 verified/;
  await until('the report is shown', async () => report.test((await run('scrub')).stdout));
});
