import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openRobotTokens } from '@cistern/auth';
import { createMemoryStore } from '@cistern/blob-store/memory';
import { openLiveConfig } from '@cistern/config';
import { load } from '@cistern/config/testing';
import { CacheError } from '@cistern/errors';
import { openAll } from '@cistern/runtime';
import { createLogger } from '@cistern/telemetry';
import { type AccessParts, openAccess } from './open-access.ts';

const log = createLogger({ level: 'error', formatter: 'json', destination: { write() {} } });
const configOf = (auth: object) => load(JSON.stringify({ auth }));

test('a change of auth while the store is down keeps the robots and the access tokens', async (t) => {
  const memory = createMemoryStore();
  const state = { isDown: false };
  const store = {
    ...memory,
    listObjects(prefix: string) {
      if (state.isDown) throw new CacheError('store-unavailable', 'Down.');
      return memory.listObjects(prefix);
    },
  };
  const { token } = await openRobotTokens(memory).create({ name: 'ci', createdAtMs: 1 });
  const { config, apply } = openLiveConfig(configOf({ robots: true, tokenserver: {} }));
  const parts = { index: { now: Date.now }, store, jobs: {} } as unknown as AccessParts;
  const { access, close } = await openAll(async (closers) => ({
    access: await openAccess(config, parts, log, closers),
    close: () => closers.closeAll(),
  }));
  t.after(close);
  const show = async (authorization: string) => {
    const found = await access().authenticator.authenticate({ authorization, clientIp: '192.0.2.1' });
    return found.result === 'accepted' ? found.identity : undefined;
  };
  const basic = `Basic ${Buffer.from(`robot:${token}`).toString('base64')}`;
  const identity = (await show(basic)) ?? assert.fail();
  const bearer = `Bearer ${(await access().tokenServer?.accessTokens.issue(identity, []))?.token}`;
  assert.equal((await show(bearer))?.name, 'ci');
  state.isDown = true;
  await apply(configOf({ robots: true, tokenserver: { lifetime: '30m' } }));
  assert.deepEqual([(await show(basic))?.name, (await show(bearer))?.name], ['ci', 'ci']);
});
