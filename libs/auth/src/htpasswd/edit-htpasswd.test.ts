// real-time: bcrypt hashes in threads that virtual time cannot wait for
import assert from 'node:assert/strict';
import { test } from 'node:test';
import bcrypt from 'bcrypt';
import { listHtpasswdUsers, removeHtpasswdUser, setHtpasswdUser } from './htpasswd-file.ts';

const ada = { user: 'ada', password: 's3cret' };

test('a user is added, changed and removed, and what else is in the file stays', async () => {
  const comment = '# operators\nbob:$apr1$x$y\n';
  const added = await setHtpasswdUser(comment, ada);
  const changed = await setHtpasswdUser(`${added}eve:x\nada:old\n`, { user: 'ada', password: 'other' });
  assert.match(changed, /^# operators\nbob:\$apr1\$x\$y\nada:\$2b\$12\$[^\n]+\neve:x\n$/);
  assert.ok(await bcrypt.compare('other', /ada:(.*)/.exec(changed)?.[1] ?? ''));
  assert.deepEqual(listHtpasswdUsers(changed), ['ada']);
  assert.equal(removeHtpasswdUser(changed, 'ada'), '# operators\nbob:$apr1$x$y\neve:x\n');
  assert.equal(removeHtpasswdUser(changed, 'carol'), undefined);
});

test('what could not be read again, or would not count, is refused', async () => {
  for (const user of ['', 'a:b', '#a', ' a', 'a ', 'a\nb'])
    await assert.rejects(setHtpasswdUser('', { ...ada, user }), /a name has no colon/, user);
  await assert.rejects(setHtpasswdUser('', { ...ada, password: '' }), /empty/);
  await assert.rejects(setHtpasswdUser('', { ...ada, password: 'x'.repeat(73) }), /72 bytes/);
  await assert.rejects(setHtpasswdUser('no users', ada), /line 1/);
});
