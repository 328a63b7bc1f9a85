import { after, test } from 'node:test';
import { openStoreOutageRig } from '../src/store-outage.ts';

const { survive } = await openStoreOutageRig({ after });

test('S3 is gone', async (t) => {
  t.diagnostic(await survive({ ms: 20_000, begin: (s3) => s3.stop(), restore: (s3) => s3.start() }));
});

test('S3 hangs', async (t) => {
  t.diagnostic(await survive({ ms: 20_000, begin: (s3) => s3.freeze(), restore: (s3) => s3.thaw() }));
});
