import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { dnsProver } from './prover.ts';

const proofs = [
  { host: 'a.test', token: 't', answer: 'one' },
  { host: 'a.test', token: 'u', answer: 'two' },
];
const { signal } = new AbortController();

async function makeHook(t: TestContext, script: string) {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-hook-'));
  t.after(() => rm(directory, { recursive: true }));
  const [program, calls] = [join(directory, 'hook'), join(directory, 'calls')];
  await writeFile(program, `#!/bin/sh\n${script}\necho "$@" >> ${calls}\n`, { mode: 0o755 });
  return { program, calls: () => readFile(calls, 'utf8') };
}

test('the hook runs for each record in sequence, and again to remove it', async (t) => {
  const { program, calls } = await makeHook(t, '');
  const prover = dnsProver({ program, waitMs: 0 });
  await prover.present(proofs, signal);
  await prover.cleanUp(proofs);
  assert.equal(
    await calls(),
    ['present', 'present', 'cleanup', 'cleanup']
      .map((action, index) => `${action} _acme-challenge.a.test ${index % 2 === 0 ? 'one' : 'two'}\n`)
      .join(''),
  );
});

test('a failed hook rejects with its reason', async (t) => {
  const { program } = await makeHook(t, 'echo "no such zone" >&2; exit 3');
  await assert.rejects(dnsProver({ program, waitMs: 0 }).present(proofs, signal), {
    message: /hook present ended with 3: no such zone$/,
  });
  await assert.rejects(dnsProver({ program: '/no/such/hook', waitMs: 0 }).present(proofs, signal), {
    message: /ended with ENOENT/,
  });
});

test('present stops waiting when its signal aborts', async (t) => {
  const { program } = await makeHook(t, '');
  const given = AbortSignal.timeout(20);
  await assert.rejects(dnsProver({ program, waitMs: 3_600_000 }).present(proofs, given), {
    name: /AbortError|TimeoutError/,
  });
});
