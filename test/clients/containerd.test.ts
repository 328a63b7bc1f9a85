import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { hostsToml, openContainerd } from './src/clients/containerd.ts';
import { describeClient } from './src/describe-client.ts';
import { contentGets } from './src/request-log.ts';
import { testTag, upstreamNames } from './src/test-images.ts';

const packages = ['containerd', 'runc'];

describeClient(
  {
    name: 'containerd',
    packages,
    open: (rig) => openContainerd({ _default: hostsToml(`http://${rig.cache}`) }),
    nameOf: (_rig, upstream, repository) => `${upstream}/${repository}`,
  },
  (opened) => {
    test('names the upstream in every request', () => {
      const gets = contentGets(opened().rig.cacheRequests());
      assert.deepEqual(new Set(gets.map(({ ns }) => ns)), new Set(upstreamNames));
    });

    test('pulls each upstream’s own image of the same name, and runs it', async () => {
      const { client } = opened();
      for (const upstream of upstreamNames) {
        const reference = `${upstream}/library/shell:${testTag}`;
        await client.pull(reference);
        assert.equal(await client.run(reference, ['cat', '/etc/origin']), `${upstream} amd64\n`);
      }
    });
  },
);

describeClient(
  {
    name: 'containerd, with the upstream in the path of the host',
    packages,
    open: (rig) =>
      openContainerd({
        'docker.io': hostsToml(`http://${rig.cache}/docker.io`),
        'quay.io': hostsToml(`http://${rig.cache}/v2/quay.io`, 'override_path = true'),
      }),
    nameOf: (_rig, upstream, repository) => `${upstream}/${repository}`,
    repositories: ['library/multi'],
  },
  (opened) => {
    test('sends the path before and after /v2/', () => {
      const paths = contentGets(opened().rig.cacheRequests()).map(({ path }) => path);
      assert.ok(paths.some((path) => path.startsWith('/docker.io/v2/library/multi/')));
      assert.ok(paths.some((path) => path.startsWith('/v2/quay.io/library/multi/')));
    });
  },
);
