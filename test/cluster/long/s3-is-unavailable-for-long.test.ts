import { after, test } from 'node:test';
import { openStoreOutageRig } from '../src/store-outage.ts';

const { survive } = await openStoreOutageRig({ after });

test('the cluster survives a long outage of S3', async (t) => {
  t.diagnostic(await survive({ ms: 20_000, begin: (s3) => s3.stop(), restore: (s3) => s3.start() }));
});

test('the cluster survives a long hang of S3', async (t) => {
  t.diagnostic(await survive({ ms: 20_000, begin: (s3) => s3.freeze(), restore: (s3) => s3.thaw() }));
});
