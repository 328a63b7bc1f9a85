// Tests the audit log of a whole cache: rejected callers, actions of operators, and the usage of clients.
import assert from 'node:assert/strict';
import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openCistern, openDirectory, openUpstream, cacheOf } from '../src/open-stage.ts';
import { runCommand as runCistern } from '@cistern/cli/testing/start-command';
import { sendRequest } from '../src/send-request.ts';
import { until } from '../src/until.ts';

interface Entry {
  readonly event: string;
  readonly why?: string;
  readonly address?: string;
  readonly upstream?: string;
  readonly requests?: number;
  readonly bytes?: number;
  readonly misses?: number;
  readonly what?: string;
  readonly wish?: { readonly name?: string };
}

async function entriesOf(path: string): Promise<Entry[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Entry]));
}

test('denials, operator actions and usage are recorded, in a new file after rotation moves the old one', async (t) => {
  const directory = await openDirectory(t);
  const path = join(directory, 'logs', 'audit.log');
  const upstream = await openUpstream(t);
  const image = upstream.addImage('library/app', { tag: 'latest' });
  const rules = [{ action: 'deny', images: 'docker.io/library/secret' }];
  const cistern = await openCistern(t, { config: { ...cacheOf(upstream), access: { rules }, audit: { path } } });
  const blob = `${cistern.url}/v2/library/app/blobs/${image.layers[0]!.digest}`;
  for (let count = 0; count < 3; count += 1) assert.equal((await sendRequest(blob)).status, 200);
  assert.equal((await sendRequest(`${cistern.url}/v2/library/secret/manifests/latest`)).status, 403);
  await until('the denial is written', async () => (await entriesOf(path)).some(({ event }) => event === 'denied'));

  await rename(path, `${path}.1`);
  await until('a new file is there', async () => {
    await sendRequest(`${cistern.url}/v2/library/secret/manifests/latest`);
    return (await entriesOf(path)).length > 0;
  });
  const env = { REGISTRY_AUDIT_PATH: path, REGISTRY_AUTH_ROBOTS: 'true' };
  const made = await runCistern(['token', 'create', 'ci', '--data', cistern.rootDirectory], { env });
  assert.equal(made.code, 0, made.stderr);
  await cistern.stop();

  const [old, all] = [await entriesOf(`${path}.1`), await entriesOf(path)];
  assert.equal(old[0]?.why, 'rule 1 denies docker.io/library/secret');
  const asked = all.find(({ event }) => event === 'asked');
  assert.deepEqual([asked?.what, asked?.wish?.name], ['cistern token create', 'ci']);
  assert.ok(!JSON.stringify(all).includes(made.stdout.trim()), 'not the token itself');
  const usage = all.find(({ event }) => event === 'usage');
  assert.deepEqual(
    [usage?.address, usage?.upstream, usage?.requests, usage?.bytes, usage?.misses],
    ['127.0.0.1', 'docker.io', 3, 3 * image.layers[0]!.size, 1],
  );
});
