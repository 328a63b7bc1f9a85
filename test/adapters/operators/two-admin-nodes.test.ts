// Tests two admin nodes of one cluster on a single Redis: they share the audit log and the counts of wrong passwords.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { assembleAdmin } from '@cistern/admin';
import { loadConfig, openLiveConfig } from '@cistern/config';
import { createLogger, createMetrics } from '@cistern/telemetry';
import { startRedis } from '@cistern/test-servers';

const log = createLogger({ level: 'error', formatter: 'json' });
const redis = await startRedis();
after(() => redis.close());
const directory = await mkdtemp(join(tmpdir(), 'cistern-operators-'));
after(() => rm(directory, { recursive: true }));
const users = join(directory, 'htpasswd');
// The hash is of `s3cret`, with the lowest bcrypt cost.
await writeFile(users, 'ada:$2b$04$6ISMDHAw.Ppuqihiejy3iuFCuFf4Gw8qFmt1QtrAYt/3sX0BhALuS\n');

async function openNode(t: TestContext, keyPrefix: string) {
  const env = {
    REGISTRY_REDIS_ADDR: `${redis.host}:${redis.port}`,
    REGISTRY_REDIS_KEYPREFIX: JSON.stringify(keyPrefix),
    REGISTRY_CLUSTER_SECRET: '0123456789abcdef',
    REGISTRY_ADMIN_HTPASSWD_PATH: users,
  };
  const config = loadConfig({ env, defaults: { rootDirectory: join(directory, 'store') } });
  const node = await assembleAdmin(openLiveConfig(config).config, { log, metrics: createMetrics(), version: '0' });
  t.after(() => node.close());
  return node;
}

type Node = Awaited<ReturnType<typeof openNode>>;

async function logIn({ access }: Node, password: string) {
  assert.ok(typeof access === 'object');
  const authorization = `Basic ${Buffer.from(`ada:${password}`).toString('base64')}`;
  return (await access.authenticate({ authorization, clientIp: '192.0.2.1' })).result;
}

test('guesses of an operator’s password are counted together, and apart from a client of the same name', async (t) => {
  const [one, other] = [await openNode(t, 'guesses:'), await openNode(t, 'guesses:')];
  for (let guess = 0; guess < 5; guess += 1)
    for (const node of [one, other]) assert.equal(await logIn(node, `${guess}${node === one}`), 'refused');
  for (const node of [one, other]) assert.equal(await logIn(node, 's3cret'), 'locked-out');
  const keys = (await redis.command('KEYS', 'guesses:*lockout*')).trim().split(/\s+/);
  assert.deepEqual(keys.map((key) => key.slice(0, key.lastIndexOf(':'))).toSorted(), [
    'guesses:operator-lockout',
    'guesses:operator-lockout-network',
  ]);
});

test('an audit entry of one node is visible at the other, and a closing node flushes its entries', async (t) => {
  const [one, other] = [await openNode(t, 'deeds:'), await openNode(t, 'deeds:')];
  const deed = {
    by: 'ada',
    address: '192.0.2.1',
    command: 'POST /v1/purge',
    parameters: { image: 'nginx' },
    status: 200,
  };
  one.audit.action(deed);
  one.audit.action({ ...deed, by: '192.0.2.1', status: 401, parameters: undefined });
  await one.close();
  const { entries, before } = await other.audit.list({ limit: 10 });
  assert.equal(before, null);
  assert.deepEqual(
    entries.map(({ kind, event, user, what, about }) => [kind, event, user, what, about]),
    [
      ['refusal', 'refused', null, 'POST /v1/purge', null],
      ['action', 'asked', 'ada', 'POST /v1/purge', '{"image":"nginx"}'],
    ],
  );
  const page = await other.audit.list({ limit: 1 });
  const next = await other.audit.list({ limit: 1, before: page.before ?? undefined });
  assert.deepEqual(
    [...page.entries, ...next.entries].map(({ event }) => event),
    ['refused', 'asked'],
  );
});
