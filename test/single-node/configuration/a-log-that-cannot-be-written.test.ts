// Tests a node whose log goes to a full disk. `/dev/full` fails every write with ENOSPC.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePort, startProcess } from '@cistern/test-servers';
import { launcher } from '../src/launcher.ts';
import { openDirectory } from '../src/open-stage.ts';
import { sendRequest } from '../src/send-request.ts';
import { until } from '../src/until.ts';

test('a node serves and shuts down while its log cannot be written', async (t) => {
  const directory = await openDirectory(t);
  const [port, file] = [await freePort(), join(directory, 'config.yml')];
  const http = { addr: `127.0.0.1:${port}`, debug: { addr: '' } };
  const storage = { filesystem: { rootdirectory: join(directory, 'data') } };
  await writeFile(file, JSON.stringify({ http, storage, admin: { addr: '' } }));
  const url = `http://127.0.0.1:${port}/v2/`;
  const node = await startProcess({
    command: 'sh',
    args: ['-c', 'exec "$0" "$@" >/dev/full', process.execPath, launcher, 'serve', file],
    name: 'cistern',
    ready: { check: async () => (await sendRequest(url)).status === 200 },
  });
  t.after(() => node.kill());
  const reports = () => node.outputLines().filter((line) => line.includes('log cannot be written'));
  await until('the failure is reported', () => reports().length > 0);
  for (let request = 0; request < 20; request += 1) assert.equal((await sendRequest(url)).status, 200);
  assert.deepEqual(reports(), [
    'cistern: the log cannot be written (ENOSPC: no space left on device, write). The cache continues.',
  ]);
  assert.deepEqual(await node.stop(), { code: 0, signal: null });
});
