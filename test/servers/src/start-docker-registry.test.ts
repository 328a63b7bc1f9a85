import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startDockerRegistry } from './start-docker-registry.ts';

const bytes = Buffer.from('a blob');
const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

const basic = (pair: string) => ({ authorization: `Basic ${Buffer.from(pair).toString('base64')}` });

async function push(url: string, headers: Record<string, string> = {}): Promise<number> {
  const begun = await fetch(`${url}/v2/app/blobs/uploads/`, { method: 'POST', headers });
  const location = begun.headers.get('location');
  if (location === null) return begun.status;
  const { status } = await fetch(`${location}&digest=${digest}`, { method: 'PUT', headers, body: bytes });
  return status;
}

test('two registries run at the same time, and one can be the cache of the other', async () => {
  const origin = await startDockerRegistry();
  const cache = await startDockerRegistry({ proxy: { remoteurl: origin.url } });
  try {
    assert.equal(await push(origin.url), 201);
    const pulled = await fetch(`${cache.url}/v2/app/blobs/${digest}`);
    assert.equal(await pulled.text(), 'a blob');
  } finally {
    await cache.close();
    await origin.close();
  }
  assert.equal(existsSync(origin.rootDirectory), false);
});

test('only the configured account can log in', async () => {
  const registry = await startDockerRegistry({ auth: { username: 'ann', password: 'p w' } });
  try {
    assert.equal(await push(registry.url), 401);
    assert.equal(await push(registry.url, basic('ann:wrong')), 401);
    assert.equal(await push(registry.url, basic('ann:p w')), 201);
  } finally {
    await registry.close();
  }
});

test('a given root directory stays, and deletion is possible when it is enabled', async (t) => {
  const rootDirectory = await mkdtemp(join(tmpdir(), 'cistern-test-'));
  t.after(() => rm(rootDirectory, { recursive: true }));
  const first = await startDockerRegistry({ rootDirectory });
  assert.equal(await push(first.url), 201);
  const remove = async (url: string) => (await fetch(`${url}/v2/app/blobs/${digest}`, { method: 'DELETE' })).status;
  assert.equal(await remove(first.url), 405);
  await first.close();
  const second = await startDockerRegistry({ rootDirectory, delete: true });
  assert.equal((await fetch(`${second.url}/v2/app/blobs/${digest}`)).status, 200);
  assert.equal(await remove(second.url), 202);
  await second.close();
});
