// real-time: the simulated sockets are compared with the machine's own
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const stories = fileURLToPath(new URL('fixtures/socket-stories.ts', import.meta.url));
const virtualTime = new URL('../virtual-time.ts', import.meta.url).href;

test('simulated sockets behave like the machine’s sockets', async () => {
  const [machine, simulated] = await Promise.all([
    run(process.execPath, [stories]),
    run(process.execPath, ['--import', virtualTime, stories]),
  ]);
  assert.ok(machine.stdout.includes('client received hello'));
  assert.equal(simulated.stdout, machine.stdout);
});
