import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestIndex } from '@cistern/index/testing';
import type { CachedToken, TokenCache, TokenKey } from '@cistern/upstream';
import { shareTokens } from './share-tokens.ts';

const secret = 'a secret of the cluster';
const key: TokenKey = { upstream: 'docker.io', account: 'me', scope: 'repository:a/b:pull', audience: 'hub' };
const never = new AbortController().signal;

interface ObtainOptions {
  readonly refused?: string;
  readonly signal?: AbortSignal;
  readonly issue: () => Promise<CachedToken>;
}

function obtain(cache: TokenCache, { refused, signal = never, issue }: ObtainOptions, wanted: TokenKey = key) {
  return cache.obtain(wanted, { isUsable: ({ token }) => token !== refused, issue, signal });
}

function openCluster({ now = Date.now } = {}) {
  const faults = { failing: false };
  const index = createTestIndex({ now, faults });
  const node = (of = secret): TokenCache => shareTokens({ index, secret: of, now });
  let issued = 0;
  const issue = async (): Promise<CachedToken> => {
    issued += 1;
    return { token: `token-${issued}`, usableUntilMs: now() + 60_000 };
  };
  return { index, faults, node, issue, issued: () => issued };
}

async function refuse(): Promise<never> {
  throw new Error('unexpected request to the token server');
}

test('nodes find the token that was issued to another node', async () => {
  const { node, issue } = openCluster();
  assert.deepEqual(
    { ...(await obtain(node(), { issue })), usableUntilMs: 0 },
    {
      token: 'token-1',
      usableUntilMs: 0,
      issued: true,
    },
  );
  const other = node();
  for (let times = 0; times < 2; times += 1) {
    const found = await obtain(other, { issue: refuse });
    assert.deepEqual([found.token, found.issued], ['token-1', false]);
  }
});

test('while one node requests a token, the others wait for it', async () => {
  const { node, issue, issued } = openCluster();
  const answer = Promise.withResolvers<void>();
  const slowly = async () => {
    await answer.promise;
    return issue();
  };
  const obtaining = [node(), node(), node()].map(async (cache) => obtain(cache, { issue: slowly }));
  await new Promise((resolve) => setTimeout(resolve, 120));
  answer.resolve();
  const tokens = await Promise.all(obtaining);
  assert.deepEqual(new Set(tokens.map(({ token }) => token)), new Set(['token-1']));
  assert.equal(tokens.filter((token) => token.issued).length, 1);
  assert.equal(issued(), 1);
});

test('two calls of one node with different refused tokens send one request', async () => {
  const { node, issue, issued } = openCluster();
  const cache = node();
  await Promise.all([obtain(cache, { issue }), obtain(cache, { refused: 'token-0', issue })]);
  assert.equal(issued(), 1);
});

test('a refused token is replaced once, by the first node', async () => {
  const { node, issue, issued } = openCluster();
  const nodes = [node(), node(), node()];
  for (const cache of nodes) await obtain(cache, { issue });
  const tokens = await Promise.all(nodes.map(async (cache) => obtain(cache, { refused: 'token-1', issue })));
  assert.deepEqual(new Set(tokens.map(({ token }) => token)), new Set(['token-2']));
  assert.equal(issued(), 2);
});

test('a failed request rejects only its caller, and another node sends a new one', async () => {
  const { node, issue } = openCluster();
  const failure = new Error('the token server is busy');
  await assert.rejects(obtain(node(), { issue: async () => Promise.reject(failure) }), (error) => error === failure);
  assert.equal((await obtain(node(), { issue })).token, 'token-1');
});

test('a wait for another node ends when the signal aborts, with its reason', async () => {
  const { node, issue } = openCluster();
  const answer = Promise.withResolvers<CachedToken>();
  const first = obtain(node(), { issue: async () => answer.promise });
  const leaving = new AbortController();
  const waiting = obtain(node(), { issue: refuse, signal: leaving.signal });
  await new Promise((resolve) => setTimeout(resolve, 20));
  leaving.abort(new RangeError('left'));
  await assert.rejects(waiting, /left/);
  answer.resolve(await issue());
  await first;
});

test('nodes wait only some seconds for a node that died during its request', async () => {
  const { node, issue, index } = openCluster();
  // The dead node has the lease, and never releases it.
  const acquire = index.leases.acquire;
  let name = '';
  index.leases.acquire = async (wanted, owner, ms) => {
    name = wanted;
    return acquire(wanted, owner, ms);
  };
  await obtain(node(), { issue });
  index.leases.acquire = acquire;
  await index.values.remove(name);
  assert.equal(await acquire(name, 'dead', 3_600_000), true);
  assert.equal((await obtain(node(), { issue })).token, 'token-2');
});

test('without the index, each node requests its own token and keeps it', async () => {
  const { node, issue, faults } = openCluster();
  faults.failing = true;
  const [one, other] = [node(), node()];
  assert.equal((await obtain(one, { issue })).token, 'token-1');
  assert.equal((await obtain(other, { issue })).token, 'token-2');
  assert.equal((await obtain(one, { issue: refuse })).token, 'token-1');
});

test('a token of another account, scope, audience or cluster is not found', async () => {
  const { node, issue } = openCluster();
  await obtain(node(), { issue });
  for (const change of [{ account: 'you' }, { account: undefined }, { scope: 'other' }, { audience: 'elsewhere' }])
    assert.ok((await obtain(node(), { issue }, { ...key, ...change })).issued, JSON.stringify(change));
  assert.ok((await obtain(node('the secret of another cluster'), { issue })).issued);
});

test('the value in the index does not reveal the token, and expires with it', async () => {
  let nowMs = 1_000_000;
  const { node, issue, index } = openCluster({ now: () => nowMs });
  const kept: [string, string, number][] = [];
  const put = index.values.put;
  index.values.put = async (...value) => {
    kept.push(value);
    return put(...value);
  };
  await obtain(node(), { issue });
  assert.equal(kept.length, 1);
  const [[name, value, ttlMs]] = kept as [[string, string, number]];
  assert.match(name, /^token\/docker\.io\/as%20me\/repository%3Aa%2Fb%3Apull\/[0-9a-f]{16}$/);
  assert.doesNotMatch(Buffer.from(value, 'base64url').toString('latin1') + value, /token-1/);
  assert.equal(ttlMs, 60_000);
  nowMs += 60_001;
  assert.equal(await index.values.get(name), undefined);
});

test('an invalid value in the index is ignored', async () => {
  const { node, issue, index } = openCluster();
  const get = index.values.get;
  index.values.get = async () => 'AQ-nonsense';
  assert.ok((await obtain(node(), { issue })).issued);
  index.values.get = get;
  assert.equal((await obtain(node(), { issue: refuse })).token, 'token-1');
});
