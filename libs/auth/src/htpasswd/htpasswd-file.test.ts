// real-time: bcrypt hashes in threads that virtual time cannot wait for
import assert from 'node:assert/strict';
import bcrypt from 'bcrypt';
import { test } from 'node:test';
import { parseHtpasswd, listHtpasswdUsers, removeHtpasswdUser, setHtpasswdUser } from './htpasswd-file.ts';

const tail = 'abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234';

test('each line is a user, comments and empty lines are ignored, and the last line of a user wins', () => {
  const { hashes, otherHashes } = parseHtpasswd(
    `# people\r\nada:$2y$05$${tail}\n\n  bob:$2a$10$${tail}  \nada:$2b$11$${tail}\n`,
  );
  assert.deepEqual(
    [...hashes],
    [
      ['ada', `$2b$11$${tail}`],
      ['bob', `$2b$10$${tail}`],
    ],
  );
  assert.deepEqual(otherHashes, []);
});

test('users without a bcrypt hash are ignored, and their line numbers are reported', () => {
  const { hashes, otherHashes } = parseHtpasswd(
    `ada:$apr1$x$y\nbob:{SHA}x=\ncy:$2b$05$short\ndi:$2b$99$${tail}\neve:\nada2:$2y$05$${tail}\nada2:plain\n`,
  );
  assert.deepEqual([...hashes], []);
  assert.deepEqual(otherHashes, [1, 2, 3, 4, 5, 7]);
});

test('an invalid line is an error that does not reveal its text', () => {
  assert.throws(() => parseHtpasswd(`ada:$2y$05$${tail}\nhunter2\n`), {
    message: 'line 2 does not have the form <user>:<hash>',
  });
  assert.throws(() => parseHtpasswd(':x'), /line 1/);
});

test('a hash of cost 14 is accepted, and one of a higher cost is an error that does not reveal it', () => {
  assert.equal(parseHtpasswd(`ada:$2y$14$${tail}\n`).hashes.size, 1);
  for (const cost of [15, 31])
    assert.throws(
      () => parseHtpasswd(`# people\nada:$2y$${cost}$${tail}\n`),
      (error: Error) =>
        error.message.startsWith(`line 2 has a bcrypt hash of cost ${cost},`) && !error.message.includes(tail),
    );
});

test('the dummy hash is as expensive as the most expensive one, and bcrypt computes it fully', async () => {
  const { dummyHash } = parseHtpasswd(`ada:$2y$04$${tail}\nbob:$2y$06$${tail}\n`);
  assert.equal(bcrypt.getRounds(dummyHash), 6);
  // bcrypt accepts its beginning as a salt.
  assert.equal((await bcrypt.hash('x', dummyHash.slice(0, 29))).length, 60);
  assert.equal(await bcrypt.compare('x', dummyHash), false);
  assert.notEqual(dummyHash, parseHtpasswd(`ada:$2y$06$${tail}`).dummyHash);
});

const ada = { user: 'ada', password: 's3cret-s3cret' };

test('a user is added, changed and removed, and the rest of the file stays', async () => {
  const comment = '# operators\nbob:$apr1$x$y\n';
  const added = await setHtpasswdUser(comment, ada);
  const changed = await setHtpasswdUser(`${added}eve:x\nada:old\n`, { user: 'ada', password: 'another one' });
  assert.match(changed, /^# operators\nbob:\$apr1\$x\$y\nada:\$2b\$12\$[^\n]+\neve:x\n$/);
  assert.ok(await bcrypt.compare('another one', /ada:(.*)/.exec(changed)?.[1] ?? ''));
  assert.deepEqual(listHtpasswdUsers(changed), ['ada']);
  assert.equal(removeHtpasswdUser(changed, 'ada'), '# operators\nbob:$apr1$x$y\neve:x\n');
  assert.equal(removeHtpasswdUser(changed, 'carol'), undefined);
});

test('an edit rejects names and passwords that the file cannot represent', async () => {
  for (const user of ['', 'a:b', '#a', ' a', 'a ', 'a\nb'])
    await assert.rejects(setHtpasswdUser('', { ...ada, user }), /must not contain a colon/, user);
  for (const password of ['', 'seven..'])
    await assert.rejects(setHtpasswdUser('', { ...ada, password }), /at least 8 characters/);
  await assert.rejects(setHtpasswdUser('', { ...ada, password: 'x'.repeat(73) }), /72 bytes/);
  await assert.rejects(setHtpasswdUser('no users', ada), /line 1/);
});
