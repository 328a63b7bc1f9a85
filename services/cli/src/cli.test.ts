// real-time: the launcher starts processes

// Tests the command line from outside: the launcher, the pinned Node, output, exit codes and signals.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';

const quietly = { REGISTRY_HTTP_DEBUG_ADDR: '""', REGISTRY_ADMIN_ADDR: '""' };
const launcher = join(import.meta.dirname, '../launch/cistern.mjs');

/** Starts a process. If the process still runs at the end of the test, the test kills it. */
async function start(t: TestContext, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-cli-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const child = spawn(process.execPath, [launcher, ...args], {
    env: { PATH: process.env['PATH'], XDG_DATA_HOME: directory, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.after(() => child.kill('SIGKILL'));
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => void (output[name] += text));
  const exit = new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal, ...output })));
  return { child, exit };
}

test('serve on a port in use closes everything it opened, and exits 1 with one sentence', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.after(() => taken.close());
  const { port } = taken.address() as AddressInfo;
  const { exit } = await start(t, ['serve', '--addr', `127.0.0.1:${port}`], quietly);
  const stderr = `cistern: Port ${port} on 127.0.0.1 is in use. Stop the program that listens on it, or set http.addr to another port.\n`;
  assert.deepEqual(await exit, { code: 1, signal: null, stdout: '', stderr });
});

test('a command whose output is not read ends without an error message', async (t) => {
  const { child, exit } = await start(t, ['--help']);
  child.stdout.destroy();
  assert.deepEqual(await exit, { code: 141, signal: null, stdout: '', stderr: '' });
});

test('a signal ends serve, which still writes the last line of its log', async (t) => {
  const { child, exit } = await start(t, ['serve', '--addr', '127.0.0.1:0'], quietly);
  let log = '';
  child.stdout.on('data', (text: string) => {
    log += text;
    if (log.includes(' listening ') && !child.killed) child.kill('SIGTERM');
  });
  const { stdout, stderr, ...rest } = (await exit) as { readonly stdout: string; readonly stderr: string };
  assert.deepEqual(rest, { code: 0, signal: null }, stdout + stderr);
  assert.match(stderr, /^Cistern [\d.]+ listens on http:\/\/localhost:\d+\n/);
  assert.match(stdout, / shutdown complete\b.*\n$/);
});
