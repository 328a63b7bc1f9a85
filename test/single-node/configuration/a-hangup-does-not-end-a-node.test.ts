// Tests SIGHUP while a node starts, and SIGHUP of a terminal that closes.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { freePort, startProcess } from '@cistern/test-servers';
import { openDirectory } from '../src/open-stage.ts';
import { launcher } from '../src/launcher.ts';
import { sendRequest } from '../src/send-request.ts';
import { until } from '../src/until.ts';

async function prepare(t: TestContext) {
  const directory = await openDirectory(t);
  const [port, file] = [await freePort(), join(directory, 'config.yml')];
  const http = { addr: `127.0.0.1:${port}`, debug: { addr: '' } };
  const storage = { filesystem: { rootdirectory: join(directory, 'data') } };
  await writeFile(file, JSON.stringify({ http, storage, admin: { addr: '' } }));
  const url = `http://127.0.0.1:${port}/v2/`;
  const isServed = async () => (await sendRequest(url).catch(() => undefined))?.status === 200;
  return { directory, file, url, isServed };
}

test('a node that gets SIGHUP while it starts, starts', async (t) => {
  const { file, url, isServed } = await prepare(t);
  const node = await startProcess({ command: process.execPath, args: [launcher, 'serve', file], name: 'cistern' });
  t.after(() => node.stop());
  // The process has this title as soon as the entry point runs.
  const titled = async () => (await readFile(`/proc/${node.pid}/cmdline`, 'utf8')).startsWith('cistern');
  await until('the entry point runs', titled);
  for (let signals = 0; !(await isServed()); signals += 1) if (signals < 20) node.sendSignal('SIGHUP');
  assert.ok(node.isRunning());
  assert.equal((await sendRequest(url)).status, 200);
});

test('a node in a terminal reloads on SIGHUP, and shuts down when the terminal closes', async (t) => {
  const { directory, file, isServed } = await prepare(t);
  const typescript = join(directory, 'typescript');
  // `script` opens a terminal and runs the node in it.
  const command = `exec ${process.execPath} ${launcher} serve ${file}`;
  const terminal = spawn('script', ['--quiet', '--flush', '--command', command, typescript], { stdio: 'ignore' });
  t.after(() => terminal.kill('SIGKILL'));
  await until('the node serves', isServed);
  const output = () => readFile(typescript, 'utf8');
  const [child = ''] = (await readFile(`/proc/${terminal.pid}/task/${terminal.pid}/children`, 'utf8')).split(' ');
  process.kill(Number(child), 'SIGHUP');
  await until('the node has reloaded', async () => (await output()).includes('configuration read again'));
  assert.ok(await isServed());
  terminal.kill('SIGKILL');
  // A process that no parent has waited for remains as a zombie.
  const state = () => readFile(`/proc/${child}/stat`, 'utf8').catch(() => ') Z');
  await until('the node has ended', async () => (await state()).includes(') Z'));
});
