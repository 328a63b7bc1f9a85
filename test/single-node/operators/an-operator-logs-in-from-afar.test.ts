// Tests commands of an operator who has neither the configuration nor the secret of a cache: only its URL and a password.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type TestContext, test } from 'node:test';
import { type CommandOptions, runCommand } from '@cistern/cli/testing/start-command';
import { freePort, makeCertificateFiles } from '@cistern/test-servers';
import { cacheOf, openCistern, openDirectory, openUpstream } from '../src/open-stage.ts';
import { until } from '../src/until.ts';

const password = 'a long password';

/** Starts a cache with the operator ada. `run` runs a command as a user of another machine. */
async function openAfar(t: TestContext, admin: Readonly<Record<string, unknown>> = {}) {
  const directory = await openDirectory(t);
  const operators = join(directory, 'operators');
  await runCommand(['user', 'add', operators, 'ada'], { stdin: password });
  const addr = `127.0.0.1:${await freePort()}`;
  const upstream = await openUpstream(t);
  await openCistern(t, { config: { ...cacheOf(upstream), admin: { addr, htpasswd: { path: operators }, ...admin } } });
  const env = { HOME: directory, XDG_DATA_HOME: join(directory, 'data') };
  const url = `http://${addr}`;
  const run = (args: readonly string[], options: CommandOptions = {}) =>
    runCommand(args, { ...options, env: { ...env, ...options.env } });
  return {
    directory,
    url,
    run,
    logIn: (given = password, ...args: readonly string[]) =>
      run(['login', url, '--username', 'ada', '--password-stdin', ...args], { stdin: `${given}\n` }),
    file: join(directory, '.config', 'cistern', 'logins.json'),
  };
}

test('after a login all commands use that cache, and its audit names the operator', async (t) => {
  const { url, run, logIn, file } = await openAfar(t);
  const { code, stdout, stderr } = await logIn();
  assert.deepEqual([code, stdout], [0, `Logged in at ${url} as ada. Commands that name no other cache use it now.\n`]);
  assert.match(stderr, /kept unencrypted in .*logins\.json/);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  // A restored backup may be readable for all.
  await chmod(file, 0o644);
  await logIn();
  assert.equal((await stat(file)).mode & 0o777, 0o600);

  assert.equal((await run(['pin', 'nginx:1.27'])).stdout, 'docker.io/library/nginx:1.27 is pinned.\n');
  assert.match((await run(['status'])).stdout, /^cistern +\d/);
  const audit = async () => (await run(['audit', '--kind', 'action'])).stdout;
  await until('the audit has the action', async () => / ada .* POST \/v1\/pins/.test(await audit()));

  assert.equal((await run(['logout'])).stdout, `The login at ${url} is removed.\n`);
  await assert.rejects(readFile(file), { code: 'ENOENT' });
  const after = await run(['pins', '--url', url]);
  assert.equal(after.code, 1);
  assert.match(after.stderr, new RegExp(`rejected the request: .* Run "cistern login ${url}"\\.\n$`));
  assert.equal((await run(['logout'])).code, 0);
});

test('a wrong password, or a server that checks none, is kept by no login', async (t) => {
  const { url, run, logIn, file } = await openAfar(t);
  const wrong = await logIn('another password');
  assert.deepEqual([wrong.code, wrong.stdout], [1, '']);
  assert.match(wrong.stderr, /rejected the request: .* Check the user name, the password and admin\.htpasswd\.path/);
  for (const args of [
    ['login', url],
    ['login', url, '--username', 'ada'],
    ['login', url, '--password-stdin'],
  ])
    assert.match((await run(args)).stderr, /Pass --username and --password-stdin\.\n$/);
  await assert.rejects(readFile(file), { code: 'ENOENT' });

  const open = await openAfar(t, { htpasswd: undefined });
  assert.match((await open.logIn()).stderr, /checks no passwords, because it has no operators/);
});

test('a password is sent unencrypted to this machine only, and elsewhere only with --insecure', async (t) => {
  const { run } = await openAfar(t);
  const { code, stderr } = await run(['login', 'http://192.0.2.1:5003', '--username', 'ada', '--password-stdin']);
  assert.equal(code, 1);
  assert.match(stderr, /http:\/\/192\.0\.2\.1:5003 is not encrypted, .* Use https:\/\/, .* pass --insecure\.\n$/);
  for (const [url, message] of [
    ['cache.example:5003', /is not a valid URL/],
    ['https://ada:secret@cache.example', /must not contain a password/],
    ['https://cache.example/v1', /has no path, and the URL has \/v1/],
  ] as const) {
    const refused = await run(['login', url]);
    assert.match(refused.stderr, message);
    assert.doesNotMatch(refused.stderr, /secret/);
  }
});

test('an option beats the environment, the environment beats the login, and the login beats this machine', async (t) => {
  const { url, run, logIn, directory } = await openAfar(t);
  const other = await openAfar(t);
  await logIn();
  await run(['pin', 'a:1']);
  await other.run(['pin', 'b:1'], { env: { CISTERN_URL: other.url } });
  await run(['login', other.url, '--username', 'ada', '--password-stdin'], { stdin: password });
  await run(['pin', 'b:1']);
  const [a, b] = ['docker.io/library/a:1\n', 'docker.io/library/b:1\n'];
  const pins = async (args: readonly string[] = [], env = {}) => (await run(['pins', ...args], { env })).stdout;
  assert.equal(await pins(), b, 'the last login');
  assert.equal(await pins([], { CISTERN_URL: url }), a, 'the environment, with the login there');
  assert.equal(await pins(['--url', other.url], { CISTERN_URL: url }), b, 'the option');

  // A configuration of this machine, whether it is valid or not, plays no role with a URL.
  const broken = join(directory, 'broken.yml');
  await writeFile(broken, 'http: [');
  assert.equal(await pins(['--url', url], { REGISTRY_CONFIGURATION_PATH: broken }), a);
  for (const env of [{ REGISTRY_CONFIGURATION_PATH: broken }, { CISTERN_URL: url }]) {
    const local = await run(['pins', '--config', broken], { env });
    assert.match(local.stderr, /broken\.yml has a problem/, 'a named configuration is read');
  }
  const local = await run(['pins'], { env: { REGISTRY_CONFIGURATION_PATH: broken } });
  assert.match(local.stderr, /broken\.yml has a problem/);
  const nothing = join(directory, 'nothing');
  const here = await run(['pins', '--data', nothing], { env: { CISTERN_URL: url } });
  assert.match(here.stderr, new RegExp(`The cache at ${nothing}/cistern/admin\\.sock is unreachable`));
});

test('a login at a proxy with TLS trusts the CA of --ca, then and later', async (t) => {
  const { url, run, directory } = await openAfar(t);
  const { caFile, certFile, keyFile } = await makeCertificateFiles(directory);
  const proxy = createServer({ cert: await readFile(certFile), key: await readFile(keyFile) }, (incoming, outgoing) => {
    const { method, url: path, headers } = incoming;
    const passed = request(new URL(path ?? '', url), { method, headers, agent: false }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      void pipeline(answer, outgoing);
    });
    void pipeline(incoming, passed);
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  t.after(() => proxy.close());
  const secure = `https://localhost:${(proxy.address() as AddressInfo).port}`;
  const logIn = (...args: readonly string[]) =>
    run(['login', `${secure}/console/`, '--username', 'ada', '--password-stdin', ...args], { stdin: password });
  assert.match(
    (await logIn()).stderr,
    /does not trust the CA of its certificate: pass the CA certificate with --ca\.\n$/,
  );
  assert.match((await logIn('--ca', keyFile)).stderr, /contains no certificate in PEM/);
  const done = await logIn('--ca', caFile, '--json');
  assert.deepEqual([done.code, (JSON.parse(done.stdout) as { readonly url: string }).url], [0, secure]);
  assert.equal((await run(['pin', 'a:1'])).stdout, 'docker.io/library/a:1 is pinned.\n');
});
