// Tests each kind of client with a further endpoint during an upstream outage: cached images still come from the cache.
import { hostsToml, openContainerd } from './src/clients/containerd.ts';
import { openPodman } from './src/clients/containers-storage.ts';
import { openDocker } from './src/clients/docker.ts';
import { openSkopeo } from './src/clients/skopeo.ts';
import { describeOutage } from './src/describe-outage.ts';

const outages = ['does not answer', 'refuses connections'] as const;
const mirrored = ['docker.io'];

describeOutage(
  { name: 'skopeo', packages: ['skopeo'], open: ({ cache, next }) => openSkopeo(cache, mirrored, next) },
  outages,
);

describeOutage(
  {
    name: 'podman',
    packages: ['podman', 'runc'],
    open: ({ cache, next }) => openPodman({ cache, mirrored, next }),
  },
  outages,
);

describeOutage(
  {
    name: 'containerd',
    packages: ['containerd', 'runc'],
    open: ({ cache, next }) =>
      openContainerd({ _default: `${hostsToml(`http://${cache}`)}\n${hostsToml(`http://${next}`)}` }),
  },
  outages,
);

for (const store of ['graph-driver', 'containerd'] as const)
  describeOutage(
    {
      name: `docker, ${store} store`,
      packages: ['docker.io', 'docker-cli', 'docker-buildx'],
      open: ({ cache, next }) => openDocker({ mirror: `http://${cache}`, next: `http://${next}`, store }),
    },
    outages,
  );
