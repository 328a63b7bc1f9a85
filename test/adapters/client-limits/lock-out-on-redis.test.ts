// Tests that nodes count wrong passwords together, on a single Redis.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { openHtpasswd, type PasswordMethod } from '@cistern/auth';
import { openRedisIndex } from '@cistern/index/redis';
import { createLogger } from '@cistern/telemetry';
import { commandTimeoutMs, startRedis } from '@cistern/test-servers';

const log = createLogger({ level: 'error', formatter: 'json' });
const redis = await startRedis();
after(() => redis.close());
const directory = await mkdtemp(join(tmpdir(), 'cistern-lock-out-'));
after(() => rm(directory, { recursive: true }));
const path = join(directory, 'htpasswd');
// The hash is of `s3cret`, with the lowest bcrypt cost.
await writeFile(path, 'ada:$2b$04$6ISMDHAw.Ppuqihiejy3iuFCuFf4Gw8qFmt1QtrAYt/3sX0BhALuS\n');

async function openNode(
  t: TestContext,
  keyPrefix: string,
  timeoutMs: number = commandTimeoutMs.patient,
): Promise<PasswordMethod> {
  const connection = { kind: 'standalone', host: redis.host, port: redis.port } as const;
  const index = await openRedisIndex({ connection, keyPrefix, commandTimeoutMs: timeoutMs, log });
  t.after(() => index.close());
  const { client } = index;
  const sharedTries = { client, keyPrefix, secret: 'the same on both', commandTimeoutMs: timeoutMs };
  return openHtpasswd({ path, log, sharedTries });
}

const resultOf = async (node: PasswordMethod, password: string, clientIp = '192.0.2.1') =>
  (await node({ user: 'ada', password, clientIp }))?.result;

test('guesses at two nodes are counted together, and both lock the client out', async (t) => {
  const [one, other] = [await openNode(t, 'together:'), await openNode(t, 'together:')];
  for (let guess = 0; guess < 5; guess += 1)
    for (const node of [one, other]) assert.equal(await resultOf(node, `${guess}${node === one}`), 'refused');
  for (const node of [one, other]) assert.equal(await resultOf(node, 's3cret'), 'locked-out');
  assert.equal(await resultOf(one, 's3cret', '192.0.2.2'), 'accepted');
});

test('guesses for many users of one network are counted together', async (t) => {
  const nodes = [await openNode(t, 'network:'), await openNode(t, 'network:')];
  const results: (string | undefined)[] = [];
  for (let guess = 0; guess < 102; guess += 1) {
    const found = await nodes[guess % 2]?.({ user: `u${guess}`, password: 'x', clientIp: '192.0.2.1' });
    results.push(found?.result);
  }
  assert.deepEqual(results.slice(98), ['refused', 'refused', 'locked-out', 'locked-out']);
});

test('correct passwords never count as guesses at any node', async (t) => {
  for (let count = 0; count < 15; count += 1)
    assert.equal(await resultOf(await openNode(t, 'right:'), 's3cret'), 'accepted');
});

test('while Redis hangs, nodes keep the lock-outs they know and limit guesses on their own', async (t) => {
  const [one, other] = [
    await openNode(t, 'frozen:', commandTimeoutMs.hanging),
    await openNode(t, 'frozen:', commandTimeoutMs.hanging),
  ];
  for (let guess = 0; guess < 10; guess += 1) assert.equal(await resultOf(one, `${guess}`), 'refused');
  // The other node reads the first node's count from Redis.
  assert.equal(await resultOf(other, 'eleven'), 'locked-out');
  redis.freeze();
  t.after(() => redis.thaw());
  for (const node of [one, other]) assert.equal(await resultOf(node, 's3cret'), 'locked-out');
  assert.equal(await resultOf(other, 's3cret', '192.0.2.9'), 'accepted');
  for (let guess = 0; guess < 10; guess += 1) assert.equal(await resultOf(other, `${guess}`, '192.0.2.9'), 'refused');
  assert.equal(await resultOf(other, 'eleven', '192.0.2.9'), 'locked-out');
  assert.equal(await resultOf(other, 's3cret', '192.0.2.9'), 'accepted');
});
