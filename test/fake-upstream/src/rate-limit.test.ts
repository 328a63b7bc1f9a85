import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exchange } from './exchange.ts';
import { withFakeUpstream } from './with-fake-upstream.ts';

test('GET of a manifest spends the budget, HEAD and blobs do not, and headers report it', () =>
  withFakeUpstream({ rateLimit: { limit: 2 } }, async (upstream) => {
    const { config } = upstream.addImage('app', { tag: '1' });
    const send = async (path: string, method = 'GET') => {
      const { status, headers } = await exchange(`${upstream.url}/v2/app/${path}`, { method });
      return [status, headers['ratelimit-remaining'], headers['docker-ratelimit-source']];
    };
    assert.deepEqual(await send('manifests/1', 'HEAD'), [200, '2;w=21600', '203.0.113.7']);
    assert.deepEqual(await send('manifests/1'), [200, '1;w=21600', '203.0.113.7']);
    assert.deepEqual(await send(`blobs/${config.digest}`), [200, undefined, undefined]);
    assert.equal((await send('manifests/none'))[0], 404);
    assert.deepEqual(await send('manifests/1'), [200, '0;w=21600', '203.0.113.7']);
    assert.deepEqual(await send('manifests/1'), [429, '0;w=21600', '203.0.113.7']);
    assert.deepEqual(await send('manifests/1', 'HEAD'), [200, '0;w=21600', '203.0.113.7']);
    upstream.rateLimit.setRemaining(1);
    assert.equal((await send('manifests/1'))[0], 200);
    assert.equal(upstream.rateLimit.remaining(), 0);
  }));

test('HEAD can be refused too once the budget is spent', () =>
  withFakeUpstream({ rateLimit: { limit: 0, refuseHead: true } }, async (upstream) => {
    upstream.addImage('app', { tag: '1' });
    assert.equal((await exchange(`${upstream.url}/v2/app/manifests/1`, { method: 'HEAD' })).status, 429);
  }));

test('every account has its own budget', () =>
  withFakeUpstream(
    {
      auth: {
        kind: 'basic',
        accounts: [
          { username: 'ann', password: 'a' },
          { username: 'bob', password: 'b' },
        ],
      },
      rateLimit: { limit: 1, limitOf: { bob: 5 } },
    },
    async (upstream) => {
      upstream.addImage('app', { tag: '1' });
      const send = async (pair: string) => {
        const authorization = `Basic ${Buffer.from(pair).toString('base64')}`;
        const { status, headers } = await exchange(`${upstream.url}/v2/app/manifests/1`, {
          headers: { authorization },
        });
        return [status, headers['ratelimit-limit'], headers['docker-ratelimit-source']];
      };
      assert.deepEqual(await send('ann:a'), [200, '1;w=21600', 'ann']);
      assert.deepEqual(await send('ann:a'), [429, '1;w=21600', 'ann']);
      assert.deepEqual(await send('bob:b'), [200, '5;w=21600', 'bob']);
      assert.equal(upstream.rateLimit.remaining('bob'), 4);
    },
  ));

test('too many requests of any kind get a bare 429', () =>
  withFakeUpstream({ abuseLimit: { requests: 2, windowMs: 60_000 } }, async (upstream) => {
    const statuses = [];
    for (let count = 0; count < 3; count++) statuses.push((await exchange(`${upstream.url}/v2/`)).status);
    assert.deepEqual(statuses, [200, 200, 429]);
    const bare = await exchange(`${upstream.url}/v2/`, { method: 'HEAD' });
    assert.deepEqual([bare.status, bare.headers['ratelimit-limit']], [429, undefined]);
  }));
