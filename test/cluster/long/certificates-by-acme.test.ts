// Certificates of a cluster, with every challenge and pebble's real validation. They are issued once for all nodes,
// renewed under load, and still served when the authority is unavailable.
import assert from 'node:assert/strict';
import { after, test, type TestContext } from 'node:test';
import { until } from '@cistern/single-node/until';
import { startRedis, startS3 } from '@cistern/test-servers';
import { viewBucket } from '../src/view-bucket.ts';
import { type AcmeRig, type AcmeRigOptions, openAcmeRig } from '../src/acme-rig.ts';

const [redis, s3] = [await startRedis(), await startS3()];
const servers = { redis, s3 };
after(async () => {
  await redis.close();
  await s3.close();
});

/** Short enough to observe the renewal, which begins 20 s before the end, and the expiry. */
const validForSeconds = 60;

async function live(t: TestContext, options: Pick<AcmeRigOptions, 'http' | 'isolateFrontends'>): Promise<AcmeRig> {
  const rig = await openAcmeRig(t, { ...options, servers, validForSeconds });
  const { pebble, cluster } = rig;
  const first = await rig.served();
  assert.equal(pebble.issued(), 1);
  const pulling = rig.pull();
  const second = await rig.served(first);
  assert.equal(pebble.issued(), 2);
  await pebble.kill();
  const tried = () => cluster.workers.some(({ log }) => log().some((line) => line.includes('ACME order failed')));
  await until('the next renewal has failed', tried, 120_000);
  assert.equal(await rig.served(), second);
  const requests = await pulling.stop();
  for (const node of [...cluster.workers, ...cluster.frontends]) {
    await node.stop();
    await node.start();
  }
  assert.equal(await rig.served(), second, 'a restart does not need the authority');
  const stored = await viewBucket(cluster).smallObjects();
  assert.match(stored, /^cistern\/state\/acme\/certificate /m);
  assert.doesNotMatch(stored, /PRIVATE KEY/);
  t.diagnostic(
    `issued and renewed by one order each, ${requests} requests meanwhile, 0 failed; still served without the authority, also after a restart`,
  );
  return rig;
}

const letsencrypt = (directoryurl: string, more: Readonly<Record<string, unknown>>) => ({
  tls: { letsencrypt: { directoryurl, hosts: ['cache.test', 'www.cache.test'], ...more } },
});

test('tls-alpn-01 works with isolated frontends, and renewal resumes when the authority recovers', async (t) => {
  const rig = await live(t, {
    isolateFrontends: true,
    http: ({ pebble }) => letsencrypt(pebble.directoryUrl, {}),
  });
  const before = await rig.served();
  await rig.pebble.start();
  await rig.served(before);
});

test('http-01 issues and renews a certificate', async (t) => {
  const rig = await live(t, {
    // The authority may call either frontend.
    http: ({ pebble, httpPort }) => ({
      reuseport: true,
      ...letsencrypt(pebble.directoryUrl, { challenge: 'http-01', httpaddr: `127.0.0.1:${httpPort}` }),
    }),
  });
  assert.equal(await rig.names(), 'DNS:cache.test, DNS:www.cache.test');
});

test('dns-01 issues and renews a certificate for a wildcard and its domain', async (t) => {
  const rig = await live(t, {
    isolateFrontends: true,
    http: ({ pebble }) =>
      letsencrypt(pebble.directoryUrl, {
        hosts: ['cache.test', '*.cache.test'],
        challenge: 'dns-01',
        dnshook: pebble.dnsHook,
        dnswait: '0s',
      }),
  });
  assert.equal(await rig.names(), 'DNS:cache.test, DNS:*.cache.test');
});
