// A real client through haproxy, by the name of the cache and by mirrors in its registries.conf.
import { after, test } from 'node:test';
import { openSkopeo } from '@cistern/test-clients/skopeo';
import { ensureDebianPackages } from '@cistern/test-servers';
import { openTwoRegistries, pullsTwice, testTag } from '../src/open-two-registries.ts';

await ensureDebianPackages(['skopeo']);
const { registries, cache } = await openTwoRegistries({ after });
const client = await openSkopeo(
  cache,
  registries.map(({ name }) => name),
);
after(client.close);

for (const registry of registries) {
  const { name, repository } = registry;
  test(`skopeo pulls ${name}/${repository} by the name of the cache and by its own name`, async () => {
    await pullsTwice(client, registry, `${cache}/${name}/${repository}:${testTag}`);
    await pullsTwice(client, registry, `${name}/${repository}:${testTag}`);
  });
}
