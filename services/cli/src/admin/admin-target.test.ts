import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { runCommand } from '../testing/start-command.ts';
import { type AdminOptions, chooseTarget } from './admin-target.ts';
import { loginsPath, writeLogins } from './logins.ts';

/** Opens a home directory with the configuration of a cluster. `choose` returns the target and the text on standard error. */
async function openHome(t: TestContext, admin: object = {}) {
  const home = await mkdtemp(join(tmpdir(), 'cistern-home-'));
  t.after(() => rm(home, { recursive: true, force: true }));
  const env = { HOME: home, XDG_DATA_HOME: join(home, 'data') };
  const config = join(home, 'cluster.yml');
  const settings = {
    redis: { addrs: ['127.0.0.1:1'] },
    cluster: { secret: 'x'.repeat(32) },
    storage: { s3: { bucket: 'cache', regionendpoint: 'http://127.0.0.1:1', accesskey: 'a', secretkey: 'b' } },
    admin,
  };
  await writeFile(config, JSON.stringify(settings));
  return {
    home,
    env,
    config,
    choose(options: AdminOptions, more: object = {}) {
      let stderr = '';
      const write = (text: string) => (stderr += text);
      return { target: chooseTarget(options, { env: { ...env, ...more }, stderr: { write } }), stderr };
    },
  };
}

test('the secret of the environment’s configuration stays on this machine and at its admin.addr', async (t) => {
  const { config, choose } = await openHome(t, { addr: '192.0.2.7:5003' });
  const environment = { REGISTRY_CONFIGURATION_PATH: config };
  const sent = (url: string) => choose({ url }, environment).target.authorization;
  for (const url of ['http://127.0.0.1:5003', 'http://[::1]:6003', 'https://localhost', 'http://192.0.2.7:5003'])
    assert.match(sent(url) ?? '', /^Bearer /, url);
  for (const url of [
    'https://cache.example',
    'http://cache.example:5003',
    'http://192.0.2.7:5004',
    'https://192.0.2.7',
  ])
    assert.equal(sent(url), undefined, url);
  const { target } = choose({}, { ...environment, CISTERN_URL: 'http://127.0.0.1:5003' });
  assert.equal(target.authorization, undefined, 'the environment’s URL');
});

test('the secret of --config goes to another machine only encrypted', async (t) => {
  const { config, choose } = await openHome(t);
  const sent = (url: string) => choose({ url, config }).target.authorization;
  assert.match(sent('https://cache.example') ?? '', /^Bearer /);
  assert.match(sent('http://localhost:5003') ?? '', /^Bearer /);
  assert.throws(() => sent('http://cache.example:5003'), {
    name: 'CommandError',
    message: /^http:\/\/cache\.example:5003 is not encrypted, .* run "cistern login --insecure http:\/\/cache/,
  });
});

test('unreadable logins are an error only if the command needs them', async (t) => {
  const { home, env, config, choose } = await openHome(t);
  const path = loginsPath(env);
  // A directory cannot be read as a file, also not by root.
  await mkdir(path, { recursive: true });
  const reason = new RegExp(
    `^The logins in ${path} cannot be read \\(EISDIR\\)\\. Make the file readable, or set HOME`,
  );
  assert.throws(() => choose({}), { name: 'CommandError', message: reason });
  for (const args of [['logout'], ['login', 'http://127.0.0.1:1', '--username', 'a', '--password-stdin']])
    assert.match((await runCommand(args, { env })).stderr, /logins\.json cannot be read/);

  assert.equal(choose({ data: join(home, 'data') }).stderr, '');
  assert.equal(choose({ config }).stderr, '');
  assert.equal(choose({}, { REGISTRY_CONFIGURATION_PATH: config }).stderr, '');
  const { target } = choose({ url: 'http://127.0.0.1:1' }, { REGISTRY_CONFIGURATION_PATH: config });
  assert.match(target.authorization ?? '', /^Bearer /);
  assert.match(target.remedy, reason, 'the reason if the server rejects the request');

  const socketPath = join(home, 'data', 'cistern', 'cistern', 'admin.sock');
  await mkdir(dirname(socketPath), { recursive: true });
  await writeFile(socketPath, '');
  const local = choose({});
  assert.deepEqual(local.target.address, { socketPath });
  assert.match(local.stderr, /^warning: The logins in .* Using the cache on this machine\.\n$/);
});

test('logout uses CISTERN_URL as login does', async (t) => {
  const { env } = await openHome(t);
  const [one, two, last] = ['https://one.example', 'https://two.example', 'https://last.example'];
  const login = { user: 'ada', password: 'secret' };
  await writeLogins(env, { current: last, servers: { [one]: login, [two]: login, [last]: login } });
  const logOut = async (args: readonly string[], more: object) =>
    (await runCommand(['logout', ...args], { env: { ...env, ...more } })).stdout;
  assert.equal(await logOut([], { CISTERN_URL: `${one}/` }), `The login at ${one} is removed.\n`);
  assert.equal(await logOut([], { CISTERN_URL: one }), `There is no login at ${one}.\n`);
  assert.equal(await logOut([two], { CISTERN_URL: one }), `The login at ${two} is removed.\n`);
  assert.equal(await logOut([], { CISTERN_URL: '' }), `The login at ${last} is removed.\n`);
});
