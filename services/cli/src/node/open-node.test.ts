import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startNode } from '../testing/start-node.ts';

const read = (url: string) =>
  new Promise<string>((resolve, reject) =>
    get(url, { agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve(text));
    }).on('error', reject),
  );

test('nodes of one process have their own metrics, logs and shutdown, and handle no signals', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-cli-'));
  t.after(() => rm(directory, { recursive: true }));
  const listeners = process.listenerCount('SIGTERM');
  const start = async (name: string) => {
    const file = join(directory, `${name}.yml`);
    const http = { addr: '127.0.0.1:0', debug: { addr: '127.0.0.1:0', prometheus: { enabled: true } } };
    const storage = { filesystem: { rootdirectory: join(directory, name) } };
    await writeFile(file, JSON.stringify({ http, storage, admin: { addr: '' }, log: { level: 'debug' } }));
    const node = await startNode('serve', file, {});
    t.after(() => node.stop());
    return node;
  };
  const [one, other] = [await start('one'), await start('other')];
  assert.equal(process.listenerCount('SIGTERM'), listeners);
  await read(`${one.urls.clients}/v2/`);
  const pings = async ({ urls }: typeof one) =>
    /^cistern_requests_total\{operation="ping".*\} (\d+)$/m.exec(await read(`${urls.debug}/metrics`))?.[1];
  assert.deepEqual([await pings(one), await pings(other)], ['1', '0']);
  const isLogged = (node: typeof one) => node.log().some((line) => / \/v2\/ 200 /.test(line));
  assert.deepEqual([isLogged(one), isLogged(other)], [true, false]);
  await Promise.all([one.stop(), one.stop()]);
  await assert.rejects(read(`${one.urls.clients}/v2/`), { code: 'ECONNREFUSED' });
  assert.equal(one.log().filter((line) => line.includes('shutdown complete')).length, 1);
  assert.equal(await read(`${other.urls.clients}/v2/`), '{}');
});
