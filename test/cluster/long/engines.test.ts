// docker with each of its stores, and containerd, through haproxy. Each starts with an empty cache.
import { test } from 'node:test';
import { hostsToml, openContainerd } from '@cistern/test-clients/containerd';
import { openDocker } from '@cistern/test-clients/docker';
import { ensureDebianPackages } from '@cistern/test-servers';
import { openTwoRegistries, pullsTwice, testTag } from '../src/open-two-registries.ts';

for (const store of ['graph-driver', 'containerd'] as const)
  test(`docker with the ${store} store pulls from Docker Hub through a mirror and from others by the cache's name`, async (t) => {
    await ensureDebianPackages(['docker.io', 'docker-cli', 'docker-buildx']);
    const { registries, url, cache } = await openTwoRegistries(t);
    const client = await openDocker({ mirror: url, store });
    t.after(client.close);
    for (const registry of registries) {
      const { name, repository } = registry;
      await pullsTwice(
        client,
        registry,
        `${name === 'docker.io' ? name : `${cache}/${name}`}/${repository}:${testTag}`,
      );
    }
  });

test('containerd pulls from every registry by the name that it sends', async (t) => {
  await ensureDebianPackages(['containerd', 'runc']);
  const { registries, url } = await openTwoRegistries(t);
  const client = await openContainerd({ _default: hostsToml(url) });
  t.after(client.close);
  for (const registry of registries)
    await pullsTwice(client, registry, `${registry.name}/${registry.repository}:${testTag}`);
});
