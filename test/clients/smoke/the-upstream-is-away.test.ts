// One client and the quicker kind of outage; all others are in the long suite.
import { openSkopeo } from '../src/clients/skopeo.ts';
import { describeOutage } from '../src/describe-outage.ts';

describeOutage(
  { name: 'skopeo', packages: ['skopeo'], open: ({ cache, next }) => openSkopeo(cache, ['docker.io'], next) },
  ['refuses connections'],
);
