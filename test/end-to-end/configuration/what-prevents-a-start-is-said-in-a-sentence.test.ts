// A start that fails says why, all of it, in words a person can act on, and never with a stack trace.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openDirectory } from '../src/open-stage.ts';
import { type Run, runCistern } from '../src/run-cistern.ts';

const directory = await openDirectory({ after });
const free = { REGISTRY_HTTP_ADDR: '127.0.0.1:0', REGISTRY_HTTP_DEBUG_ADDR: '127.0.0.1:0' };

function assertFailed({ code, stdout, stderr }: Run): void {
  assert.equal(code, 1);
  assert.doesNotMatch(stderr + stdout, /^\s+at /m, 'no stack trace');
  assert.doesNotMatch(stderr + stdout, /node:internal|Error:/);
}

function assertOneSentence(run: Run, pattern: RegExp): void {
  assertFailed(run);
  assert.match(run.stderr, /^cistern: [^\n]+\.\n$/);
  assert.match(run.stderr, pattern);
}

test('a file with three mistakes', async () => {
  const file = join(directory, 'mistakes.yml');
  await writeFile(
    file,
    'version: 0.1\nlog: { level: loud }\nhttp: { adr: ":5000" }\nupstreams: { quay.io: { ttl: 60 } }\n',
  );
  const run = await runCistern(['serve', file]);
  assertFailed(run);
  for (const said of [/http\.adr.*addr/, /log\.level.*error, warn, info, debug/, /upstreams\.quay\.io\.ttl.*unit/])
    assert.match(run.stderr, said);
  assert.deepEqual(await runCistern(['check-config', file]), run, 'check-config says the same');
});

test('a file that is not there', async () => {
  const run = await runCistern(['serve', join(directory, 'missing.yml')]);
  assertFailed(run);
  assert.match(run.stderr, /missing\.yml[^]*cannot be read/);
});

test('a file that is no YAML', async () => {
  const file = join(directory, 'broken.yml');
  await writeFile(file, 'http: { addr: ":5000"\nlog: [\n');
  const run = await runCistern(['serve', file]);
  assertFailed(run);
  assert.match(run.stderr, /broken\.yml/);
});

test('a port that is taken', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    const run = await runCistern(['serve', '--data', join(directory, 'data')], {
      env: { ...free, REGISTRY_HTTP_ADDR: `127.0.0.1:${port}` },
    });
    assertOneSentence(run, new RegExp(`Port ${port} is taken`));
  } finally {
    server.close();
  }
});

test('an explicit port of metrics that is taken', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    const run = await runCistern(['serve', '--data', join(directory, 'data')], {
      env: { ...free, REGISTRY_HTTP_DEBUG_ADDR: `127.0.0.1:${port}` },
    });
    assertOneSentence(run, new RegExp(`Port ${port} is taken.*http\\.debug\\.addr`));
  } finally {
    server.close();
  }
});

test('a data directory that cannot be made', async () => {
  const file = join(directory, 'a-file');
  await writeFile(file, '');
  const root = join(file, 'data');
  assertOneSentence(await runCistern(['serve', '--data', root], { env: free }), new RegExp(root));
});

test('a data directory that cannot be written, by root either', async () => {
  assertOneSentence(await runCistern(['serve', '--data', '/sys/cistern'], { env: free }), /\/sys\/cistern/);
});
