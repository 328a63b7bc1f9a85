// own-process: its hooks are for its own tests
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { before, test, type TestContext } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { credentialHelper } from './credential-helper.ts';
import { dockerConfig } from './docker-config.ts';
import { passwordFile } from './credential-source.ts';

const { signal } = new AbortController();
const clock = (): number => 0;

async function openDirectory(t: Pick<TestContext, 'after'>): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'cistern-credentials-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

const cannotBeRead =
  (message: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(isCacheError(error, 'upstream-refused-us'), String(error));
    assert.match(error.message, message);
    return true;
  };

/** A helper that answers with a user name and the server in the secret, and logs each run. */
const helperScript = `#!/bin/sh
read server
echo "$1 $server" >> "$CISTERN_TEST_NOTES"
case "$server" in
  none*) echo "credentials not found in native keychain"; exit 1;;
  broken*) echo "s3cret" >&2; exit 3;;
  odd*) echo 'no json s3cret';;
  *) echo "{\\"ServerURL\\":\\"$server\\",\\"Username\\":\\"AWS\\",\\"Secret\\":\\"for $server\\"}";;
esac
`;
let notes = '';

before(async (t) => {
  const directory = await openDirectory(t as TestContext);
  notes = join(directory, 'notes');
  await writeFile(join(directory, 'docker-credential-test'), helperScript, { mode: 0o755 });
  process.env['PATH'] = `${directory}${delimiter}${process.env['PATH']}`;
  process.env['CISTERN_TEST_NOTES'] = notes;
});

const runs = async (): Promise<readonly string[]> => (await readFile(notes, 'utf8')).trim().split('\n');

test('a password file is read again after a change', async (t) => {
  const path = join(await openDirectory(t), 'password');
  const source = passwordFile({ name: 'ci', username: 'me', path });
  await assert.rejects(source.read(signal), cannotBeRead(/cannot be read \(ENOENT\)/));
  await writeFile(path, 'first\n');
  assert.deepEqual(await source.read(signal), { username: 'me', password: 'first' });
  await writeFile(path, 'second, with spaces \r\n');
  assert.deepEqual(await source.read(signal), { username: 'me', password: 'second, with spaces ' });
});

const auth = (text: string): { auth: string } => ({ auth: Buffer.from(text).toString('base64') });

test("docker's config.json stores credentials as two fields or as one encoded field, under any name of a registry", async (t) => {
  const path = join(await openDirectory(t), 'config.json');
  const read = (host: string) => dockerConfig({ name: 'docker', path, host, clock }).read(signal);
  const auths = {
    'https://index.docker.io/v1/': auth('hub:pass:word'),
    'ghcr.io': { username: 'me', password: 'word' },
    'https://quay.io/v2/': auth('robot:x'),
    'azure.example': { ...auth('00000000-0000-0000-0000-000000000000:'), identitytoken: 's3cret' },
  };
  await writeFile(path, JSON.stringify({ auths }));
  assert.deepEqual(await read('registry-1.docker.io'), { username: 'hub', password: 'pass:word' });
  assert.deepEqual(await read('ghcr.io'), { username: 'me', password: 'word' });
  assert.deepEqual(await read('quay.io'), { username: 'robot', password: 'x' });
  assert.equal(await read('gcr.io'), undefined, 'the file has no login for this registry');
  assert.deepEqual(await read('azure.example'), { username: '<token>', password: 's3cret' });
  await writeFile(path, '{"auths": s3cret');
  await assert.rejects(read('quay.io'), cannotBeRead(/^[^]*is not JSON\.$/));
});

test("docker's config.json names a helper for one registry or for all registries", async (t) => {
  const path = join(await openDirectory(t), 'config.json');
  const config = { credHelpers: { '1.dkr.ecr.example': 'test' }, credsStore: 'test', auths: { 'quay.io': {} } };
  await writeFile(path, JSON.stringify(config));
  const read = (host: string) => dockerConfig({ name: 'docker', path, host, clock }).read(signal);
  assert.deepEqual(await read('1.dkr.ecr.example'), { username: 'AWS', password: 'for 1.dkr.ecr.example' });
  assert.deepEqual(await read('registry-1.docker.io'), {
    username: 'AWS',
    password: 'for https://index.docker.io/v1/',
  });
  assert.equal(await read('none.example'), undefined);
  await writeFile(path, JSON.stringify({ credHelpers: { 'a.example': '../evil' } }));
  await assert.rejects(read('a.example'), cannotBeRead(/not a program name/));
});

const runsFor = async (host: string) => (await runs()).filter((run) => run === `get ${host}`).length;
const aws = { name: 'aws', program: 'docker-credential-test' };

test('the time to cache the answer of a helper can be set, and 0 disables the cache', async () => {
  const time = { nowMs: 0 };
  const program = join(notes, '../docker-credential-test');
  const open = (host: string, keepMs: number) =>
    credentialHelper({ name: 'exec', program, host, keepMs, clock: () => time.nowMs });
  const [hourly, always] = [open('hourly.example', 3_600_000), open('always.example', 0)];
  for (const afterMs of [0, 3_599_999, 1]) {
    time.nowMs += afterMs;
    await hourly.read(signal);
    await always.read(signal);
  }
  assert.deepEqual([await runsFor('hourly.example'), await runsFor('always.example')], [2, 3]);
});

test('a helper runs once in five minutes, or again after its answer was refused', async () => {
  const time = { nowMs: 0 };
  const source = credentialHelper({ ...aws, host: 'kept.example', clock: () => time.nowMs });
  const read = () => source.read(signal);
  const all = await Promise.all([read(), read()]);
  assert.deepEqual(all[0], { username: 'AWS', password: 'for kept.example' });
  assert.equal(await runsFor('kept.example'), 1);
  source.forget?.();
  await read();
  assert.equal(await runsFor('kept.example'), 2);
  time.nowMs += 5 * 60_000;
  await read();
  await read();
  assert.equal(await runsFor('kept.example'), 3);
});

for (const [host, message] of [
  ['none.example', /has no credentials for none\.example/],
  ['broken.example', /failed with 3/],
  ['odd.example', /is not JSON/],
] as const)
  test(`a helper that fails for ${host} causes an error without a secret`, async () => {
    const source = credentialHelper({ ...aws, host, clock });
    await assert.rejects(source.read(signal), (error: Error) => {
      assert.doesNotMatch(error.message, /s3cret/);
      return cannotBeRead(message)(error);
    });
  });

test('a helper that is not installed causes an error with its name', async () => {
  const source = credentialHelper({ name: 'aws', program: 'docker-credential-not-there', host: 'a.example', clock });
  await assert.rejects(source.read(signal), cannotBeRead(/docker-credential-not-there is not installed/));
});
