import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CacheError } from '@cistern/errors';
import { createAccessTokens } from '../tokens/create-access-tokens.ts';
import { createMemoryTokenKeys } from '../tokens/token-keys.ts';
import { createRobotMethod, type Robots, watchRobots } from './watch-robots.ts';
import { createRobotToken, parseRobotToken, type RobotRecord } from './robot-tokens.ts';

function createStage() {
  const records = new Map<string, RobotRecord>();
  const clock = { nowMs: 1e12 };
  const robots: Robots = { find: async (id) => records.get(id) };
  const options = { robots, now: () => clock.nowMs };
  const create = (robot: Partial<RobotRecord> = {}) => {
    const created = createRobotToken({ name: 'ci', createdAtMs: clock.nowMs, ...robot });
    records.set(created.record.id, created.record);
    return created;
  };
  const method = createRobotMethod(options);
  const tryWith = (password: string, user = 'anybody') => method({ user, password, clientIp: '192.0.2.1' });
  return { records, clock, options, create, tryWith };
}

test('a token is accepted as password under any user name', async () => {
  const { create, tryWith } = createStage();
  const { token, record } = create({ grants: ['docker.io/**'] });
  for (const user of ['ci', 'x', ''])
    assert.deepEqual(await tryWith(token, user), {
      result: 'accepted',
      method: 'robot',
      identity: { name: 'ci', method: 'robot', grants: ['docker.io/**'], robotId: record.id },
    });
});

test('the stored record is not accepted as a token', () => {
  const { token, record } = createStage().create();
  const { secret } = parseRobotToken(token)!;
  assert.ok(!JSON.stringify(record).includes(secret));
  assert.equal(parseRobotToken(`cistern_${record.id}_${record.hash}`)?.secret, record.hash);
});

test('other passwords are left to the next method, and wrong tokens are rejected', async () => {
  const { create, tryWith, records } = createStage();
  const { token, record } = create();
  for (const password of ['', 'x', 'cistern_', token.slice(0, -1), `${token}x`, ` ${token}`, token.toUpperCase()])
    assert.equal(await tryWith(password), undefined, password);
  const { token: other } = createStage().create();
  for (const password of [other, `cistern_${record.id}_${record.hash}`, token.slice(0, 25) + other.slice(25)])
    assert.equal((await tryWith(password))?.result, 'refused', password);
  records.delete(record.id);
  assert.equal((await tryWith(token))?.result, 'refused');
});

test('an expired token is rejected, and so are its access tokens', async () => {
  const { create, tryWith, clock, options } = createStage();
  const { token } = create({ expiresAtMs: clock.nowMs + 60_000 });
  const tokens = createAccessTokens({
    keys: createMemoryTokenKeys(),
    service: 's',
    lifetimeMs: 300_000,
    now: () => clock.nowMs,
  });
  const found = await tryWith(token);
  assert.ok(found?.result === 'accepted');
  const { token: access } = await tokens.issue(found.identity, ['a']);
  const verify = watchRobots(tokens.verify, options);
  assert.deepEqual(await verify(access), {
    result: 'accepted',
    method: 'token',
    identity: { name: 'ci', method: 'robot', robotId: found.identity.robotId, scopes: ['a'] },
  });
  clock.nowMs += 60_000;
  assert.equal((await tryWith(token))?.result, 'refused');
  assert.equal((await verify(access))?.result, 'refused');
});

test('a revoked token and its access tokens are rejected, and those of users are accepted', async () => {
  const { create, tryWith, options, records } = createStage();
  const { token, record } = create();
  const found = await tryWith(token);
  assert.ok(found?.result === 'accepted');
  const tokens = createAccessTokens({
    keys: createMemoryTokenKeys(),
    service: 's',
    lifetimeMs: 300_000,
    now: options.now,
  });
  const verify = watchRobots(tokens.verify, options);
  const [ofRobot, ofUser] = await Promise.all([
    tokens.issue(found.identity, []),
    tokens.issue({ name: 'ada', method: 'password' }, []),
  ]);
  records.delete(record.id);
  assert.equal((await verify(ofRobot.token))?.result, 'refused');
  assert.equal((await verify(ofUser.token))?.result, 'accepted');
});

test('no robot is accepted while its record cannot be read', async () => {
  const { create } = createStage();
  const { token } = create();
  const robots: Robots = { find: () => Promise.reject(new CacheError('store-unavailable', 'Away.')) };
  const method = createRobotMethod({ robots, now: Date.now });
  await assert.rejects(method({ user: '', password: token, clientIp: '' }), { kind: 'store-unavailable' });
});
