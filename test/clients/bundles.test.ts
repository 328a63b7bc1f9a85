// Tests that engines load images from a bundle of `cistern export`, under their names.
import { strict as assert } from 'node:assert';
import { after, before, test } from 'node:test';
import { ensureDebianPackages } from '@cistern/test-servers';
import type { Engine } from './src/clients/client.ts';
import { openContainerd } from './src/clients/containerd.ts';
import { openPodman } from './src/clients/containers-storage.ts';
import { openDocker } from './src/clients/docker.ts';
import { exportTestImages, type TestBundle } from './src/export-test-images.ts';
import { testTag, upstreamNames } from './src/test-images.ts';

const names = upstreamNames.flatMap((upstream) => [
  `${upstream}/library/multi:${testTag}`,
  `${upstream}/library/shell:${testTag}`,
]);
const nowhere = '127.0.0.1:1';
const engines: readonly (readonly [string, readonly string[], () => Promise<Engine>])[] = [
  ['containerd', ['containerd', 'runc'], () => openContainerd({})],
  ['podman', ['podman', 'runc'], () => openPodman({ cache: nowhere, mirrored: [] })],
  ['docker', ['docker.io'], () => openDocker({ mirror: `http://${nowhere}`, store: 'graph-driver' })],
  [
    "docker with containerd's store",
    ['docker.io'],
    () => openDocker({ mirror: `http://${nowhere}`, store: 'containerd' }),
  ],
];

let all: TestBundle;
let one: TestBundle;
before(async () => {
  all = await exportTestImages(...names);
  one = await exportTestImages(names[0]!, '--platform', 'linux/amd64');
});
after(() => Promise.all([all.close(), one.close()]));

for (const [name, packages, open] of engines)
  test(`${name} loads bundles of all platforms and of its own`, async (t) => {
    await ensureDebianPackages(packages);
    for (const bundle of [all, one]) {
      const engine = await open();
      t.after(engine.close);
      await engine.load(bundle.path);
      for (const image of bundle === all ? names : names.slice(0, 1)) {
        const [upstream, , tagged] = image.split('/');
        const origin = tagged!.startsWith('multi') ? `${upstream} multi` : upstream;
        assert.equal(await engine.run(image, ['cat', '/etc/origin']), `${origin} amd64\n`, image);
      }
    }
  });
