import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Cistern, startCistern } from './start-cistern.ts';

async function status(url: string): Promise<number> {
  return (await fetch(url)).status;
}

async function withCistern(starting: Promise<Cistern>, action: (cistern: Cistern) => Promise<void>): Promise<void> {
  const cistern = await starting;
  try {
    await action(cistern);
  } finally {
    await cistern.stop();
  }
}

test('cistern serves the registry and metrics, logs, and ends cleanly without leftovers', async () => {
  const cistern = await startCistern({ config: { log: { level: 'debug' } } });
  assert.equal(await status(`${cistern.url}/v2/`), 200);
  assert.equal(await status(`${cistern.metricsUrl}/metrics`), 200);
  assert.ok(cistern.log().length > 0);
  assert.deepEqual(await cistern.stop(), { code: 0, signal: null });
  assert.equal(existsSync(cistern.rootDirectory), false);
});

test('SIGKILL ends the process itself, and another can start with its data and address', async (t) => {
  const rootDirectory = await mkdtemp(join(tmpdir(), 'cistern-test-'));
  t.after(() => rm(rootDirectory, { recursive: true }));
  const first = await startCistern({ rootDirectory });
  assert.deepEqual(await first.kill(), { code: null, signal: 'SIGKILL' });
  await assert.rejects(fetch(`${first.url}/v2/`));
  await withCistern(startCistern({ rootDirectory, port: first.port }), async (second) => {
    assert.equal(second.url, first.url);
    assert.notEqual(second.pid, first.pid);
    assert.equal(await status(`${second.url}/v2/`), 200);
  });
  assert.equal(existsSync(rootDirectory), true);
});

test('a complete configuration file can be given', () =>
  withCistern(startCistern({ config: 'version: 0.1\nhttp:\n  addr: :5000\n' }), async (cistern) => {
    assert.equal(await status(`${cistern.metricsUrl}/readyz`), 200);
  }));

test('the error of a failed start contains the output about a wrong configuration', async () => {
  await assert.rejects(startCistern({ config: { nonsense: true } }), {
    message: /cistern ended before it was ready \(exit code 1\)[^]*nonsense/,
  });
});
