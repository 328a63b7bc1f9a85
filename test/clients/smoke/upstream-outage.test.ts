// Tests one client in the shorter kind of outage. The long suite has all others.
import { openSkopeo } from '../src/clients/skopeo.ts';
import { describeOutage } from '../src/describe-outage.ts';

describeOutage(
  { name: 'skopeo', packages: ['skopeo'], open: ({ cache, next }) => openSkopeo(cache, ['docker.io'], next) },
  ['refuses connections'],
);
