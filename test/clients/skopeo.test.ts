// skopeo copies an index with all its images, so the result has the digest of the index.
import { openSkopeo } from './src/clients/skopeo.ts';
import { describeClient } from './src/describe-client.ts';
import { upstreamNames } from './src/test-images.ts';

const packages = ['skopeo'];

describeClient({
  name: 'skopeo, with mirrors in registries.conf',
  packages,
  open: ({ cache }) => openSkopeo(cache, upstreamNames),
  nameOf: (_rig, upstream, repository) => `${upstream}/${repository}`,
});

describeClient({
  name: 'skopeo, by the name of the cache',
  packages,
  open: ({ cache }) => openSkopeo(cache, []),
  nameOf: ({ cache }, upstream, repository) => `${cache}/${upstream}/${repository}`,
  repositories: ['library/multi', 'library/schema2-list'],
});
