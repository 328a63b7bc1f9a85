import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { openOras } from './src/clients/oras.ts';
import { describeClient } from './src/describe-client.ts';
import { attachedArtifactType, attachedFile, testTag } from './src/test-images.ts';

describeClient(
  {
    name: 'oras, by the name of the cache',
    packages: ['oras'],
    open: openOras,
    nameOf: ({ cache }, upstream, repository) => `${cache}/${upstream}/${repository}`,
  },
  (opened) => {
    test('finds and pulls artifacts that are attached to an image', async () => {
      const { rig, client } = opened();
      const repository = `${rig.cache}/docker.io/library/shell`;
      const [attached, ...others] = await client.discover(`${repository}:${testTag}`);
      assert.deepEqual(others, []);
      assert.equal(attached?.artifactType, attachedArtifactType);
      const content = await client.pullFile(`${repository}@${attached.digest}`, attachedFile.name);
      assert.equal(content, attachedFile.content);
    });

    test('finds nothing on an image without attached artifacts', async () => {
      const { rig, client } = opened();
      assert.deepEqual(await client.discover(`${rig.cache}/quay.io/library/shell:${testTag}`), []);
    });
  },
);
