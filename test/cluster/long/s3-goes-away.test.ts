import { after, test } from 'node:test';
import { openStoreOutageRig } from '../src/store-outage.ts';

const { survive } = await openStoreOutageRig({ after });

test('S3 is gone', async (t) => {
  const outage = { ms: 6000, answeredWithinMs: 20_000 };
  t.diagnostic(await survive({ ...outage, begin: (s3) => s3.stop(), restore: (s3) => s3.start() }));
});

test('S3 hangs', async (t) => {
  const outage = { ms: 10_000, answeredWithinMs: 30_000 };
  t.diagnostic(await survive({ ...outage, begin: (s3) => s3.freeze(), restore: (s3) => s3.thaw() }));
});
