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

async function open(t: TestContext, users: string) {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-auth-'));
  t.after(() => rm(directory, { recursive: true }));
  const path = join(directory, 'htpasswd');
  await writeFile(path, users);
  const lines: string[] = [];
  const log = createLogger({
    level: 'debug',
    formatter: 'json',
    destination: { write: (line) => void lines.push(line) },
  });
  const passwords = [await openHtpasswd({ path, log })];
  const authenticator = createAuthenticator({ challenge: { scheme: 'basic', realm: 'r' }, passwords, tokens: [] });
  return { path, authenticator, lines };
}

function tryAs(authenticator: Authenticator, user: string, password: string, clientIp = '192.0.2.1') {
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  return authenticator.authenticate({ authorization, clientIp });
}

const resultOf = async (...args: Parameters<typeof tryAs>) => (await tryAs(...args)).result;

test('who knows the password comes in under that name', async (t) => {
  const { authenticator } = await open(t, `ada:${await hash('s3cret')}\n`);
  const identity = { name: 'ada', method: 'password' };
  for (let time = 0; time < 2; time += 1)
    assert.deepEqual(await tryAs(authenticator, 'ada', 's3cret'), { result: 'accepted', method: 'password', identity });
});

test('nobody else does, and all of them hear the same', async (t) => {
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
  // A name and a password never become another pair.
  assert.equal(await resultOf(authenticator, 'ad', 'as3cret'), 'refused');
});

test('nothing, and what cannot be read, is refused', async (t) => {
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

test('a changed file is in force at the next request, and drops what was remembered', async (t) => {
  const { authenticator, path } = await open(t, `ada:${await hash('old')}\n`);
  assert.equal(await resultOf(authenticator, 'ada', 'old'), 'accepted');
  assert.equal(await resultOf(authenticator, 'ada', 'new'), 'refused');
  await writeFile(path, `# changed\nada:${await hash('new')}\n`);
  assert.equal(await resultOf(authenticator, 'ada', 'old'), 'refused');
  assert.equal(await resultOf(authenticator, 'ada', 'new'), 'accepted');
});

test('a file that is gone or broken changes nothing, and is told once', async (t) => {
  const { authenticator, path, lines } = await open(t, `ada:${await hash('s3cret')}\n`);
  await writeFile(path, 'no users');
  for (let time = 0; time < 3; time += 1) assert.equal(await resultOf(authenticator, 'ada', 's3cret'), 'accepted');
  await rm(path);
  assert.equal(await resultOf(authenticator, 'ada', 's3cret'), 'accepted');
  assert.equal(await resultOf(authenticator, 'ada', 'wrong'), 'refused');
  assert.equal(lines.filter((line) => line.includes('cannot be read: it counts as it was')).length, 2);
  await writeFile(path, `ada:${await hash('other')}\n`);
  assert.equal(await resultOf(authenticator, 'ada', 's3cret'), 'refused');
});

test('a hash that would take minutes stops a start, and changes nothing of a cache that runs', async (t) => {
  const { authenticator, path, lines } = await open(t, `ada:${await hash('s3cret')}\n`);
  const costly = (await hash('s3cret')).replace('$04$', '$15$');
  await writeFile(path, `bob:${await hash('x')}\nada:${costly}\n`);
  const log = createLogger({ level: 'error', formatter: 'json', destination: { write() {} } });
  await assert.rejects(openHtpasswd({ path, log }), (error: Error) => {
    assert.match(
      error.message,
      /htpasswd is wrong: line 2 has a bcrypt hash of cost 15, .*14 is the highest: put a hash of cost 12/,
    );
    return !error.message.includes(costly.slice(7));
  });
  assert.equal(await resultOf(authenticator, 'ada', 's3cret'), 'accepted');
  assert.equal(await resultOf(authenticator, 'bob', 'x'), 'refused');
  assert.match(lines.join(''), /line 2 has a bcrypt hash of cost 15/);
});

test('at the start such a file is an error that says what to do', async (t) => {
  const { path } = await open(t, '');
  const log = createLogger({ level: 'error', formatter: 'json', destination: { write() {} } });
  const opened = () => openHtpasswd({ path, log });
  await writeFile(path, 'hunter2\n');
  await assert.rejects(
    opened,
    (error: Error) => /is wrong: line 1/.test(error.message) && !/hunter2/.test(error.message),
  );
  await rm(path);
  await assert.rejects(opened, /does not exist; htpasswd -Bc/);
});

test('after ten wrong passwords from an address the right one is refused too, from there alone', async (t) => {
  const { authenticator } = await open(t, `ada:${await hash('s3cret')}\nbob:${await hash('s3cret')}\n`);
  // Right from elsewhere, and remembered: a guesser must not find it faster for that.
  assert.equal(await resultOf(authenticator, 'ada', 's3cret', '192.0.2.2'), 'accepted');
  for (let guess = 0; guess < 10; guess += 1)
    assert.equal(await resultOf(authenticator, 'ada', `g${guess}`), 'refused');
  const locked = await tryAs(authenticator, 'ada', 's3cret');
  assert.ok(locked.result === 'locked-out' && locked.retryAfterMs > 0 && locked.retryAfterMs <= 600_000);
  assert.equal(await resultOf(authenticator, 'ada', 's3cret', '192.0.2.2'), 'accepted');
  assert.equal(await resultOf(authenticator, 'bob', 's3cret'), 'accepted');
});

test('a password that was right from an address goes on there, however many guesses come from behind it', async (t) => {
  const { authenticator, path } = await open(t, `ci:${await hash('s3cret')}\n`);
  assert.equal(await resultOf(authenticator, 'ci', 's3cret'), 'accepted');
  for (let guess = 0; guess < 120; guess += 1) await tryAs(authenticator, guess < 20 ? 'ci' : `u${guess}`, `g${guess}`);
  assert.equal(await resultOf(authenticator, 'ci', 'g-more'), 'locked-out');
  assert.equal(await resultOf(authenticator, 'ci', 's3cret'), 'accepted');
  await writeFile(path, `ci:${await hash('other')}\n`);
  assert.equal(await resultOf(authenticator, 'ci', 's3cret'), 'locked-out');
});

test('a hundred wrong passwords for any users are the last of their network, and of no other', async (t) => {
  const { authenticator } = await open(t, `ada:${await hash('s3cret')}\n`);
  for (let guess = 0; guess < 100; guess += 1) assert.equal(await resultOf(authenticator, `u${guess}`, 'x'), 'refused');
  assert.equal(await resultOf(authenticator, 'u100', 'x'), 'locked-out');
  assert.equal(await resultOf(authenticator, 'ada', 's3cret'), 'locked-out');
  assert.equal(await resultOf(authenticator, 'ada', 's3cret', '192.0.2.2'), 'accepted');
});

test('all addresses of one IPv6 network count as one, and so does an IPv4 address however it is written', async (t) => {
  const { authenticator } = await open(t, `ada:${await hash('s3cret')}\n`);
  for (let guess = 0; guess < 10; guess += 1) {
    await tryAs(authenticator, 'ada', `g${guess}`, `2001:db8:0:1::${guess}`);
    await tryAs(authenticator, 'ada', `h${guess}`, guess % 2 === 0 ? '198.51.100.7' : '::ffff:198.51.100.7');
  }
  assert.equal(await resultOf(authenticator, 'ada', 's3cret', '2001:db8:0:1:ffff::'), 'locked-out');
  assert.equal(await resultOf(authenticator, 'ada', 's3cret', '198.51.100.7'), 'locked-out');
  assert.equal(await resultOf(authenticator, 'ada', 's3cret', '2001:db8:0:2::1'), 'accepted');
});

test('guesses that come all at once are no more than one after the other', async (t) => {
  const { authenticator } = await open(t, `ada:${await hash('s3cret')}\n`);
  const guesses = Array.from({ length: 50 }, (_, guess) => resultOf(authenticator, 'ada', `g${guess}`));
  const results = await Promise.all(guesses);
  assert.equal(results.filter((result) => result === 'refused').length, 10);
  assert.equal(results.filter((result) => result === 'locked-out').length, 40);
});

test('a job that repeats one wrong password locks nobody out, and many right ones at once neither', async (t) => {
  const { authenticator } = await open(t, `ada:${await hash('s3cret')}\n`);
  for (let time = 0; time < 30; time += 1) assert.equal(await resultOf(authenticator, 'ada', 'wrong'), 'refused');
  const together = Array.from({ length: 30 }, () => resultOf(authenticator, 'ada', 's3cret'));
  assert.deepEqual(new Set(await Promise.all(together)), new Set(['accepted']));
});

test('made-up users of one network wait, or are turned away, and no other network waits behind them', async (t) => {
  const { authenticator } = await open(t, `ada:${await hash('s3cret', 6)}\n`);
  let ended = 0;
  const guesses = Array.from({ length: 90 }, (_, guess) =>
    resultOf(authenticator, `u${guess}`, 'x')
      .catch((error: unknown) => (isCacheError(error) ? error.kind : String(error)))
      .finally(() => (ended += 1)),
  );
  assert.equal(await resultOf(authenticator, 'ada', 's3cret', '192.0.2.2'), 'accepted');
  assert.ok(ended < 60, `${ended} of the others had ended`);
  const refused = (await Promise.all(guesses)).filter((result) => result === 'overloaded');
  // Two are checked at once, and fifty wait.
  assert.equal(refused.length, 90 - 52);
});

test('one check serves all networks that show the same password at the same time', async (t) => {
  const { authenticator } = await open(t, `ada:${await hash('s3cret', 10)}\n`);
  const together = Array.from({ length: 500 }, (_, at) =>
    resultOf(authenticator, 'ada', 's3cret', `2001:db8:0:${at.toString(16)}::1`),
  );
  assert.deepEqual(new Set(await Promise.all(together)), new Set(['accepted']));
});

async function refusing(): Promise<never> {
  throw new Error('over the limit');
}

test('a check that costs much is announced first, an answer from memory is not', async (t) => {
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

test('neither a password nor its hash is told', async (t) => {
  const secret = await hash('s3cret');
  const { authenticator, lines, path } = await open(t, `ada:${secret}\nbob:$apr1$hidden\n`);
  for (const password of ['s3cret', 'gu3ss']) await tryAs(authenticator, 'ada', password);
  await writeFile(path, 'hidden\n');
  await tryAs(authenticator, 'ada', 's3cret');
  assert.doesNotMatch(lines.join(''), /s3cret|gu3ss|hidden|\$2/);
  assert.match(lines.join(''), /"lines":\[2\]/);
});
