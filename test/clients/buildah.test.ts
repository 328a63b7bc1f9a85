import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { openBuildah } from './src/clients/containers-storage.ts';
import { describeClient } from './src/describe-client.ts';
import { testTag, upstreamNames } from './src/test-images.ts';

describeClient(
  {
    name: 'buildah, with mirrors in registries.conf',
    // The dependency would also accept Debian's other container network stack, but buildah does not find that.
    packages: ['buildah', 'netavark'],
    open: ({ cache }) => openBuildah({ cache, mirrored: upstreamNames }),
    nameOf: (_rig, upstream, repository) => `${upstream}/${repository}`,
  },
  (opened) => {
    test('builds on images of both upstreams', async () => {
      const containerfile = [
        `FROM docker.io/library/multi:${testTag}`,
        `COPY --from=quay.io/library/shell:${testTag} /etc/origin /etc/other`,
        'RUN cat /etc/origin /etc/other > /out',
      ].join('\n');
      assert.equal(await opened().client.build(containerfile), 'docker.io multi amd64\nquay.io amd64\n');
    });
  },
);
