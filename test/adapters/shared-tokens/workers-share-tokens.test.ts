import assert from 'node:assert/strict';
import { after, test, type TestContext } from 'node:test';
import { shareTokens } from '@cistern/pull-through';
import type { CacheIndex } from '@cistern/index';
import { createTestIndex } from '@cistern/index/testing';
import { openRedisIndex } from '@cistern/index/redis';
import { type FakeUpstream, startFakeUpstream } from '@cistern/fake-upstream';
import { parseReference, parseRepositoryName } from '@cistern/oci';
import { createLogger, createMetrics } from '@cistern/telemetry';
import { commandTimeoutMs, diagnoseTime, startRedis } from '@cistern/test-servers';
import { fixedCredentials, openUpstream, type Upstream } from '@cistern/upstream';

const redis = await startRedis();
after(async () => redis.close());

const app = parseRepositoryName('library/app');
const latest = parseReference('latest');
const account = { username: 'robot', password: 'password-of-the-robot' };
const log = createLogger({ level: 'error', formatter: 'json', destination: { write: () => {} } });

async function startRegistry(t: TestContext): Promise<FakeUpstream> {
  const registry = await startFakeUpstream({ auth: { kind: 'bearer', accounts: [account] } });
  t.after(async () => registry.close());
  registry.addImage('library/app', { tag: 'latest' });
  return registry;
}

async function openIndex(
  t: TestContext,
  keyPrefix: string,
  timeoutMs: number = commandTimeoutMs.patient,
): Promise<CacheIndex> {
  const { host, port } = redis;
  const connection = { kind: 'standalone', host, port } as const;
  const index = await openRedisIndex({ connection, keyPrefix, commandTimeoutMs: timeoutMs, log });
  t.after(async () => index.close());
  return index;
}

/** Opens a worker's upstream client. It adds the tokens that it receives to `seen`. */
function openWorker(t: TestContext, registry: FakeUpstream, index: CacheIndex, seen: string[] = []): Upstream {
  const tokens = shareTokens({ index, secret: 'a secret of the cluster', now: Date.now });
  const upstream = openUpstream({
    name: 'docker.io',
    url: registry.url,
    credentials: [fixedCredentials('main', account)],
    allowPrivate: true,
    instanceId: 'test',
    version: '1.2.3',
    tokens: {
      async obtain(...request) {
        const obtained = await tokens.obtain(...request);
        seen.push(obtained.token);
        return obtained;
      },
    },
    metrics: createMetrics({ upstreams: ['docker.io'] }),
    log,
  });
  t.after(async () => upstream.close());
  return upstream;
}

const tokenRequests = (registry: FakeUpstream): number => registry.count({ endpoint: 'token' });

async function pullOften(workers: readonly Upstream[]): Promise<void> {
  const pulls = workers.flatMap((worker) => Array.from({ length: 10 }, async () => worker.getManifest(app, latest)));
  await Promise.all(pulls);
}

for (const kind of ['SQLite', 'Redis'] as const)
  test(`workers that share an index in ${kind} make one token request together`, async (t) => {
    const registry = await startRegistry(t);
    const sqlite = createTestIndex({ now: Date.now });
    const openNext = async () => (kind === 'SQLite' ? sqlite : openIndex(t, 'one-request:'));
    const workers = [1, 2, 3].map(async () => openWorker(t, registry, await openNext()));
    await pullOften(await Promise.all(workers));
    assert.equal(tokenRequests(registry), 1);
    await pullOften([openWorker(t, registry, await openNext())]);
    assert.equal(tokenRequests(registry), 1);

    // The registry rejects all of them, and one worker renews the token for all.
    registry.auth.expireTokens();
    await pullOften(await Promise.all(workers));
    assert.equal(tokenRequests(registry), 2);
  });

test('no key and no value in Redis contains a token or a password', async (t) => {
  const registry = await startRegistry(t);
  const seen: string[] = [];
  await openWorker(t, registry, await openIndex(t, 'sealed:'), seen).getManifest(app, latest);
  assert.equal(seen.length, 1);
  const everything = await redis.command('EVAL', dumpScript, '0');
  assert.match(everything, /sealed:.*repository/);
  for (const secret of [...seen, account.password]) {
    assert.ok(!everything.includes(secret));
    assert.ok(!everything.includes(Buffer.from(secret).toString('base64').replace(/=+$/, '').slice(0, -1)));
  }
});

test('workers request their own tokens while Redis is unavailable, and share again when it recovers', async (t) => {
  const registry = await startRegistry(t);
  const workers = [
    openWorker(t, registry, await openIndex(t, 'outage:', commandTimeoutMs.hanging)),
    openWorker(t, registry, await openIndex(t, 'outage:', commandTimeoutMs.hanging)),
  ];
  redis.freeze();
  t.after(() => redis.thaw());
  await diagnoseTime(t, 'pulling', async () => pullOften(workers));
  assert.equal(tokenRequests(registry), 2);
  redis.thaw();
  registry.auth.expireTokens();
  // This test does not depend on how soon Redis answers again.
  await pullOften(workers);
  assert.ok(tokenRequests(registry) <= 4);
});

const dumpScript = `
local all = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  table.insert(all, key)
  local kind = redis.call('TYPE', key).ok
  if kind == 'string' then table.insert(all, redis.call('GET', key))
  elseif kind == 'hash' then for _, text in ipairs(redis.call('HGETALL', key)) do table.insert(all, text) end
  elseif kind == 'zset' then for _, text in ipairs(redis.call('ZRANGE', key, 0, -1)) do table.insert(all, text) end
  else table.insert(all, redis.call('DUMP', key)) end
end
return table.concat(all, '\\n')
`;
