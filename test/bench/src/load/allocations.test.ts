import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { allocatedBytesOf, reportingAllocations, watchAllocations } from './allocations.ts';

test('a process reports its allocations to others, and still ends by itself', async (t) => {
  const program = `process.stdin.once('data', () => {
    globalThis.kept = Array.from({ length: 1e6 }, () => ({}));
    process.stdout.write('more');
  });
  process.stdout.write('ready');`;
  const child = spawn(process.execPath, ['-e', program], {
    env: { ...process.env, ...reportingAllocations },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  await once(child.stdout, 'data');
  const watched = await watchAllocations({ allocatedBytes: () => allocatedBytesOf(child.pid!) });
  child.stdin.write('go');
  await once(child.stdout, 'data');
  const bytes = await watched.soFar();
  assert.ok(bytes > 20e6 && bytes < 200e6, `${bytes} bytes for a million objects`);
  child.stdin.end();
  assert.deepEqual(await exited, [0, null]);
});

test('a process without V8 has no figure', async () => {
  assert.equal(await (await watchAllocations({})).soFar(), Number.NaN);
});
