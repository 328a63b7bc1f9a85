// Tests the two fastest clients, one of each family: containerd names the upstream with `?ns=`, skopeo with a path.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { hostsToml, openContainerd } from '../src/clients/containerd.ts';
import { openSkopeo } from '../src/clients/skopeo.ts';
import { describeClient } from '../src/describe-client.ts';
import { testTag, upstreamNames } from '../src/test-images.ts';

const repositories = ['library/multi'];

describeClient(
  {
    name: 'containerd',
    packages: ['containerd', 'runc'],
    open: (rig) => openContainerd({ _default: hostsToml(`http://${rig.cache}`) }),
    nameOf: (_rig, upstream, repository) => `${upstream}/${repository}`,
    repositories,
  },
  (opened) => {
    test('runs each upstream’s own image of the same name', async () => {
      const { client } = opened();
      for (const upstream of upstreamNames) {
        const reference = `${upstream}/library/multi:${testTag}`;
        await client.pull(reference);
        assert.equal(await client.run(reference, ['cat', '/etc/origin']), `${upstream} multi amd64\n`);
      }
    });
  },
);

describeClient({
  name: 'skopeo',
  packages: ['skopeo'],
  open: (rig) => openSkopeo(rig.cache, upstreamNames),
  nameOf: (_rig, upstream, repository) => `${upstream}/${repository}`,
  repositories,
});
