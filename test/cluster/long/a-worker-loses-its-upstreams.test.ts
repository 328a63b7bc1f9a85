// One of two workers reaches no upstream. At first its connections are refused, then they are dropped. No pull fails,
// and the other worker does all jobs.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { ensureDebianPackages, startLostWorker } from '@cistern/test-servers';
import { openClusterRig } from '../src/open-cluster-rig.ts';
import { pullImage } from '../src/pull.ts';
import { readMetric } from '../src/read-metric.ts';

const run = promisify(execFile);
const rig = await openClusterRig({ after }, { cluster: { frontends: 2, workers: 1 } });
const { upstream, cluster } = rig;

test('a worker without a connection to upstreams hands all its jobs to other workers', async (t) => {
  await ensureDebianPackages(['iptables']);
  const lost = await startLostWorker(cluster);
  t.after(lost.close);
  const pullCold = async (name: string) => {
    const image = upstream.addImage(`library/${name}`, { tag: 'latest', layers: [{ size: 300_000, seed: name }] });
    await pullImage({ at: cluster, image, tag: 'latest' });
  };
  const tried = () => readMetric([lost.node], 'cistern_upstream_requests_total');

  for (let turn = 0; turn < 20; turn += 1) await pullCold(`refused-${turn}`);
  assert.ok((await tried()) > 0, 'the lost worker had jobs');

  const { port } = new URL(upstream.url);
  const [command = '', ...words] = lost.prefix;
  await run(command, [...words, 'iptables', '-A', 'INPUT', '-i', 'lo', '-p', 'tcp', '--dport', port, '-j', 'DROP']);
  for (let turn = 0; turn < 20; turn += 1) await pullCold(`dropped-${turn}`);
  assert.equal(await readMetric([lost.node], 'cistern_fills_total', { result: 'done' }), 0);
});
