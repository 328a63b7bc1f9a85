import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePort } from './free-port.ts';
import { startProcess } from './start-process.ts';
import { until } from './until.ts';

const sh = (script: string) => ({ command: '/bin/sh', args: ['-c', script] });

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // An orphan that has not been reaped yet counts as dead.
    return !existsSync('/proc/self') || !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

test('a process is ready when its port accepts connections', async () => {
  const port = await freePort();
  const started = await startProcess({
    command: process.execPath,
    args: ['-e', `setTimeout(() => require('node:net').createServer().listen(${port}, '127.0.0.1'), 100)`],
    ready: { port },
  });
  assert.equal(started.isRunning(), true);
  assert.deepEqual(await started.stop(), { code: null, signal: 'SIGTERM' });
  assert.equal(started.isRunning(), false);
});

test('a process is ready when a URL returns the expected status', async () => {
  const port = await freePort();
  const server = `require('node:http').createServer((q, s) => { s.statusCode = globalThis.asked ? 401 : 503; globalThis.asked = true; s.end() }).listen(${port}, '127.0.0.1')`;
  const started = await startProcess({
    command: process.execPath,
    args: ['-e', server],
    ready: { http: `http://127.0.0.1:${port}/v2/`, status: 401 },
  });
  await started.stop();
});

test('a process is ready when it has printed a line', async () => {
  const started = await startProcess({
    ...sh('echo first; echo "listening on 7"; sleep 60'),
    ready: { logLine: /ning on \d/ },
  });
  assert.deepEqual(started.outputLines(), ['first', 'listening on 7']);
  await started.stop();
});

test('the environment is extended, and the working directory is set', async () => {
  const started = await startProcess({
    ...sh('echo "$COLOUR $(pwd)"; echo done; sleep 60'),
    env: { COLOUR: 'blue' },
    cwd: '/',
    ready: { logLine: /done/ },
  });
  assert.deepEqual(started.outputLines(), ['blue /', 'done']);
  await started.stop();
});

test('a process that ends before it is ready is reported with its last output', async () => {
  await assert.rejects(startProcess({ ...sh('echo "no such bucket"; exit 3'), name: 'minio', ready: { port: 1 } }), {
    message: /minio ended before it was ready \(exit code 3\)[^]*no such bucket/,
  });
});

test('a process that is not ready in time is reported and killed', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-test-'));
  await assert.rejects(
    startProcess({
      ...sh('echo $$; trap "" TERM; while :; do sleep 1; done'),
      ready: { check: () => new Promise(() => {}) },
      readyTimeoutMs: 300,
      removeAfter: [directory],
    }),
    (error: Error) => {
      assert.match(error.message, /was not ready after 300 ms/);
      assert.equal(lives(Number(/^ {2}(\d+)$/m.exec(error.message)?.[1])), false);
      return true;
    },
  );
  assert.equal(existsSync(directory), false);
});

test('a command that does not exist is a clear error', async () => {
  await assert.rejects(startProcess({ command: '/no/such/registry', ready: { port: 1 } }), {
    message: /registry could not be started: .*ENOENT/,
  });
});

test('a process that ignores the stop signal is killed with its whole group', async () => {
  const started = await startProcess({
    ...sh('trap "" TERM; sleep 60 & echo $!; wait; wait; wait; sleep 60'),
    ready: { logLine: /\d/ },
    stopTimeoutMs: 100,
  });
  const grandchild = Number(started.outputLines()[0]);
  assert.equal(lives(grandchild), true);
  assert.deepEqual(await started.stop(), { code: null, signal: 'SIGKILL' });
  await until(() => !lives(grandchild));
});

test('stopping twice, or after the process has ended, has no effect', async () => {
  const started = await startProcess(sh('exit 4'));
  assert.deepEqual(await started.waitForExit(), { code: 4, signal: null });
  assert.deepEqual(await started.stop(), { code: 4, signal: null });
  assert.deepEqual(await started.kill(), { code: 4, signal: null });
});

test('all processes and directories disappear when the test process is killed', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-test-'));
  const options = { ...sh('sleep 60 & echo $$ $!; wait'), ready: { logLine: /\d/ }, removeAfter: [directory] };
  const script = `
    import { startProcess } from ${JSON.stringify(import.meta.resolve('./index.ts'))};
    const started = await startProcess({ ...${JSON.stringify(options)}, ready: { logLine: /\\d/ } });
    console.log(started.outputLines()[0]);
    setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [printed] = (await once(parent.stdout, 'data')) as [Buffer];
  const pids = printed.toString().trim().split(' ').map(Number);
  assert.equal(pids.length, 2);
  assert.ok(pids.every(lives));
  parent.kill('SIGKILL');
  await until(() => !pids.some(lives) && !existsSync(directory));
});
