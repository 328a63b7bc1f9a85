// real-time: bcrypt hashes in threads that virtual time cannot wait for
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { createLogger } from '@cistern/telemetry';
import bcrypt from 'bcrypt';
import type { Authenticator } from '../authentication/authenticator.ts';
import { createAuthenticator } from '../authentication/create-authenticator.ts';
import { openHtpasswd } from './open-htpasswd.ts';

const hash = (password: string, cost = 4) => bcrypt.hash(password, cost);

/** `undefined` opens a file that does not exist yet. */
async function open(t: TestContext, users: string | undefined) {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-auth-'));
  t.after(() => rm(directory, { recursive: true }));
  const path = join(directory, 'htpasswd');
  if (users !== undefined) await writeFile(path, users);
  const lines: string[] = [];
  const log = createLogger({
    level: 'debug',
    formatter: 'json',
    destination: { write: (line) => void lines.push(line) },
  });
  const passwords = [await openHtpasswd({ path, log, mayBeMissing: users === undefined })];
  const authenticator = createAuthenticator({ challenge: { scheme: 'basic', realm: 'r' }, passwords, tokens: [] });
  return { path, authenticator, lines };
}

function tryAs(authenticator: Authenticator, user: string, password: string, clientIp = '192.0.2.1') {
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  return authenticator.authenticate({ authorization, clientIp });
}

const resultOf = async (...args: Parameters<typeof tryAs>) => (await tryAs(...args)).result;

test('a user with the correct password is authenticated under that name', async (t) => {
  const { authenticator } = await open(t, `ada:${await hash('s3cret')}\n`);
  const identity = { name: 'ada', method: 'password' };
  for (let time = 0; time < 2; time += 1)
    assert.deepEqual(await tryAs(authenticator, 'ada', 's3cret'), { result: 'accepted', method: 'password', identity });
});

test('all other users and passwords are rejected with the same message', async (t) => {
  const { authenticator } = await open(t, `ada:${await hash('s3cret')}\nbob:$apr1$x$y\n`);
  const wrong = await tryAs(authenticator, 'ada', 'wrong');
  assert.equal(wrong.result, 'refused');
  for (const [user, password] of [
    ['ada', ''],
    ['ada', 'wrong'],
    ['ADA', 's3cret'],
    ['bob', 'x'],
    ['nobody', 's3cret'],
    ['__proto__', 'x'],
  ] as const)
    assert.deepEqual(await tryAs(authenticator, user, password), wrong, user);
  // A user name and password are never read as another pair.
  assert.equal(await resultOf(authenticator, 'ad', 'as3cret'), 'refused');
});

test('missing and malformed credentials are rejected', async (t) => {
  const { authenticator } = await open(t, `ada:${await hash('s3cret')}\n`);
  for (const [authorization, method] of [
    [undefined, 'anonymous'],
    ['Basic Og==', 'anonymous'],
    ['', 'other'],
    ['Bearer s3cret', 'other'],
    ['Basic !', 'other'],
  ] as const) {
    const found = await authenticator.authenticate({ authorization, clientIp: '192.0.2.1' });
    assert.equal(found.result === 'refused' && found.method, method);
  }
});

test('a changed file applies to the next request, and clears remembered results', async (t) => {
  const { authenticator, path } = await open(t, `ada:${await hash('old')}\n`);
  assert.equal(await resultOf(authenticator, 'ada', 'old'), 'accepted');
  assert.equal(await resultOf(authenticator, 'ada', 'new'), 'refused');
  await writeFile(path, `# changed\nada:${await hash('new')}\n`);
  assert.equal(await resultOf(authenticator, 'ada', 'old'), 'refused');
  assert.equal(await resultOf(authenticator, 'ada', 'new'), 'accepted');
});

test('a missing or invalid file changes nothing, and is logged once', async (t) => {
  const { authenticator, path, lines } = await open(t, `ada:${await hash('s3cret')}\n`);
  await writeFile(path, 'no users');
  for (let time = 0; time < 3; time += 1) assert.equal(await resultOf(authenticator, 'ada', 's3cret'), 'accepted');
  await rm(path);
  assert.equal(await resultOf(authenticator, 'ada', 's3cret'), 'accepted');
  assert.equal(await resultOf(authenticator, 'ada', 'wrong'), 'refused');
  assert.equal(lines.filter((line) => line.includes('failed to reload authentication file')).length, 2);
  await writeFile(path, `ada:${await hash('other')}\n`);
  assert.equal(await resultOf(authenticator, 'ada', 's3cret'), 'refused');
});

test('a hash that would take minutes stops the start, and a running cache keeps the previous file', async (t) => {
  const { authenticator, path, lines } = await open(t, `ada:${await hash('s3cret')}\n`);
  const costly = (await hash('s3cret')).replace('$04$', '$15$');
  await writeFile(path, `bob:${await hash('x')}\nada:${costly}\n`);
  const log = createLogger({ level: 'error', formatter: 'json', destination: { write() {} } });
  await assert.rejects(openHtpasswd({ path, log }), (error: Error) => {
    assert.match(
      error.message,
      /htpasswd is wrong: line 2 has a bcrypt hash of cost 15, .*the maximum is 14: use a hash of cost 12/,
    );
    return !error.message.includes(costly.slice(7));
  });
  assert.equal(await resultOf(authenticator, 'ada', 's3cret'), 'accepted');
  assert.equal(await resultOf(authenticator, 'bob', 'x'), 'refused');
  assert.match(lines.join(''), /line 2 has a bcrypt hash of cost 15/);
});

test('opening an invalid or missing file fails with advice', async (t) => {
  const { path } = await open(t, '');
  const log = createLogger({ level: 'error', formatter: 'json', destination: { write() {} } });
  const opened = () => openHtpasswd({ path, log });
  await writeFile(path, 'hunter2\n');
  await assert.rejects(
    opened,
    (error: Error) => /is wrong: line 1/.test(error.message) && !/hunter2/.test(error.message),
  );
  await rm(path);
  await assert.rejects(opened, /does not exist; create it: cistern user add/);
  // Not even root can read this one.
  const unreadable = openHtpasswd({ path: '/proc/sys/net/ipv4/route/flush', log, mayBeMissing: true });
  await assert.rejects(unreadable, /cannot be read by user \d+, .*\(EACCES\); make that user its owner: chown \d+ /);
});

test('no password is accepted until a file that may be missing exists', async (t) => {
  const { path, lines, authenticator } = await open(t, undefined);
  for (let time = 0; time < 2; time += 1) assert.equal(await resultOf(authenticator, 'ada', 's3cret'), 'refused');
  const warnings = lines.filter((line) => line.includes('does not exist'));
  assert.equal(warnings.length, 1);
  assert.match(warnings.join(), /"advice":"create it: cistern user add /);
  assert.doesNotMatch(lines.join(), /failed to reload/);
  await writeFile(path, `ada:${await hash('s3cret')}\n`);
  assert.equal(await resultOf(authenticator, 'ada', 's3cret'), 'accepted');
});

test('after ten wrong passwords from an address the correct one is also rejected, only from there', async (t) => {
  const { authenticator } = await open(t, `ada:${await hash('s3cret')}\nbob:${await hash('s3cret')}\n`);
  // The password is correct from elsewhere, and remembered; a guess must not be confirmed faster because of that.
  assert.equal(await resultOf(authenticator, 'ada', 's3cret', '192.0.2.2'), 'accepted');
  for (let guess = 0; guess < 10; guess += 1)
    assert.equal(await resultOf(authenticator, 'ada', `g${guess}`), 'refused');
  const locked = await tryAs(authenticator, 'ada', 's3cret');
  assert.ok(locked.result === 'locked-out' && locked.retryAfterMs > 0 && locked.retryAfterMs <= 600_000);
  assert.equal(await resultOf(authenticator, 'ada', 's3cret', '192.0.2.2'), 'accepted');
  assert.equal(await resultOf(authenticator, 'bob', 's3cret'), 'accepted');
});

test('a password that was correct from an address stays accepted there, however many guesses follow', async (t) => {
  const { authenticator, path } = await open(t, `ci:${await hash('s3cret')}\n`);
  assert.equal(await resultOf(authenticator, 'ci', 's3cret'), 'accepted');
  for (let guess = 0; guess < 120; guess += 1) await tryAs(authenticator, guess < 20 ? 'ci' : `u${guess}`, `g${guess}`);
  assert.equal(await resultOf(authenticator, 'ci', 'g-more'), 'locked-out');
  assert.equal(await resultOf(authenticator, 'ci', 's3cret'), 'accepted');
  await writeFile(path, `ci:${await hash('other')}\n`);
  assert.equal(await resultOf(authenticator, 'ci', 's3cret'), 'locked-out');
});

test('a hundred wrong passwords for any users lock out their network, and no other', async (t) => {
  const { authenticator } = await open(t, `ada:${await hash('s3cret')}\n`);
  for (let guess = 0; guess < 100; guess += 1) assert.equal(await resultOf(authenticator, `u${guess}`, 'x'), 'refused');
  assert.equal(await resultOf(authenticator, 'u100', 'x'), 'locked-out');
  assert.equal(await resultOf(authenticator, 'ada', 's3cret'), 'locked-out');
  assert.equal(await resultOf(authenticator, 'ada', 's3cret', '192.0.2.2'), 'accepted');
});

test('all addresses of an IPv6 network count as one, and so do all forms of an IPv4 address', async (t) => {
  const { authenticator } = await open(t, `ada:${await hash('s3cret')}\n`);
  for (let guess = 0; guess < 10; guess += 1) {
    await tryAs(authenticator, 'ada', `g${guess}`, `2001:db8:0:1::${guess}`);
    await tryAs(authenticator, 'ada', `h${guess}`, guess % 2 === 0 ? '198.51.100.7' : '::ffff:198.51.100.7');
  }
  assert.equal(await resultOf(authenticator, 'ada', 's3cret', '2001:db8:0:1:ffff::'), 'locked-out');
  assert.equal(await resultOf(authenticator, 'ada', 's3cret', '198.51.100.7'), 'locked-out');
  assert.equal(await resultOf(authenticator, 'ada', 's3cret', '2001:db8:0:2::1'), 'accepted');
});

test('parallel guesses count like sequential ones', async (t) => {
  const { authenticator } = await open(t, `ada:${await hash('s3cret')}\n`);
  const guesses = Array.from({ length: 50 }, (_, guess) => resultOf(authenticator, 'ada', `g${guess}`));
  const results = await Promise.all(guesses);
  assert.equal(results.filter((result) => result === 'refused').length, 10);
  assert.equal(results.filter((result) => result === 'locked-out').length, 40);
});

test('a job that repeats one wrong password causes no lock-out, nor do many correct ones in parallel', async (t) => {
  const { authenticator } = await open(t, `ada:${await hash('s3cret')}\n`);
  for (let time = 0; time < 30; time += 1) assert.equal(await resultOf(authenticator, 'ada', 'wrong'), 'refused');
  const together = Array.from({ length: 30 }, () => resultOf(authenticator, 'ada', 's3cret'));
  assert.deepEqual(new Set(await Promise.all(together)), new Set(['accepted']));
});

test('made-up users of one network wait or are rejected, and delay no other network', async (t) => {
  const { authenticator } = await open(t, `ada:${await hash('s3cret', 6)}\n`);
  let ended = 0;
  const guesses = Array.from({ length: 90 }, (_, guess) =>
    resultOf(authenticator, `u${guess}`, 'x')
      .catch((error: unknown) => (isCacheError(error) ? error.kind : String(error)))
      .finally(() => (ended += 1)),
  );
  assert.equal(await resultOf(authenticator, 'ada', 's3cret', '192.0.2.2'), 'accepted');
  assert.ok(ended < 60, `${ended} of the guesses had ended`);
  const refused = (await Promise.all(guesses)).filter((result) => result === 'overloaded');
  // Two checks run at the same time, and fifty wait.
  assert.equal(refused.length, 90 - 52);
});

test('one check serves all networks that send the same password at the same time', async (t) => {
  const { authenticator } = await open(t, `ada:${await hash('s3cret', 10)}\n`);
  const together = Array.from({ length: 500 }, (_, at) =>
    resultOf(authenticator, 'ada', 's3cret', `2001:db8:0:${at.toString(16)}::1`),
  );
  assert.deepEqual(new Set(await Promise.all(together)), new Set(['accepted']));
});

async function refusing(): Promise<never> {
  throw new Error('over the limit');
}

test('beforeCheck is called before an expensive check, but not for a remembered result', async (t) => {
  const { authenticator } = await open(t, `ada:${await hash('s3cret')}\n`);
  let announced = 0;
  const authorization = `Basic ${Buffer.from('ada:s3cret').toString('base64')}`;
  const shown = { authorization, clientIp: '192.0.2.1' };
  const beforeCheck = async () => void (announced += 1);
  for (let time = 0; time < 3; time += 1) await authenticator.authenticate({ ...shown, beforeCheck });
  assert.equal(announced, 1);
  const other = { ...shown, authorization: `Basic ${Buffer.from('ada:other').toString('base64')}` };
  await assert.rejects(authenticator.authenticate({ ...other, beforeCheck: refusing }), /over the limit/);
  assert.equal((await authenticator.authenticate({ ...shown, beforeCheck: refusing })).result, 'accepted');
});

test('the log contains neither a password nor its hash', async (t) => {
  const secret = await hash('s3cret');
  const { authenticator, lines, path } = await open(t, `ada:${secret}\nbob:$apr1$hidden\n`);
  for (const password of ['s3cret', 'gu3ss']) await tryAs(authenticator, 'ada', password);
  await writeFile(path, 'hidden\n');
  await tryAs(authenticator, 'ada', 's3cret');
  assert.doesNotMatch(lines.join(''), /s3cret|gu3ss|hidden|\$2/);
  assert.match(lines.join(''), /"lines":\[2\]/);
});
