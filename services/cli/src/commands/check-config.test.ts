// real-time: it listens on sockets, openssl makes certificates, and bcrypt hashes in threads
// Tests `cistern check-config --deep` with files, directories and listeners. The other parts need servers, and are tested
// in test/single-node.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { describeConfig } from '@cistern/config';
import { makeAuthority } from '@cistern/tls/testing/make-authority';
import { fileKinds } from '../deep-check/named-files.ts';
import { runCommand } from '../testing/start-command.ts';

interface Check {
  readonly setting: string;
  readonly result: string;
  readonly message: string;
}

/** `check` writes a configuration without upstreams to ask, and returns the findings by setting. */
async function open(t: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-deep-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, 'config.yml');
  const base = {
    offline: true,
    http: { addr: '127.0.0.1:0', debug: { addr: '' } },
    admin: { addr: '' },
    storage: { filesystem: { rootdirectory: directory }, minfree: '1KiB' },
  };
  async function check(config: object) {
    await writeFile(file, JSON.stringify({ ...base, ...config }));
    const { code, stdout } = await runCommand(['check-config', '--deep', '--json', file]);
    const { ok, checks } = JSON.parse(stdout) as { readonly ok: boolean; readonly checks: readonly Check[] };
    assert.equal(code, ok ? 0 : 1);
    const of = (setting: string) => {
      const found = checks.find((one) => one.setting === setting) ?? assert.fail(`${setting}: ${stdout}`);
      return `${found.result} ${found.message}`;
    };
    return { ok, of, checks };
  }
  return { directory, file, base, check };
}

test('every setting for a file that a node reads is checked', () => {
  const rows = describeConfig().matchAll(/^\| `([^`]+)` \| path \|/gm);
  const settings = [...rows].map(([, setting = '']) => setting);
  assert.ok(settings.length > 20);
  /** Directories and files that a node writes are checked as directories. */
  const written =
    /^(?:storage\.(?:filesystem\.rootdirectory|s3\.indexdirectory)|worker\.spool\.directory|audit\.path|http\.tls\.letsencrypt\.cachefile)$/;
  const unknown = settings.filter(
    (setting) =>
      !written.test(setting) &&
      !Object.keys(fileKinds).some((kind) => `.${setting.replace('[]', '')}`.endsWith(`.${kind}`)),
  );
  assert.deepEqual(unknown, []);
});

test('files are read, and their faults are named with what to do', async (t) => {
  const { directory, check } = await open(t);
  const authority = await makeAuthority();
  const path = (name: string) => join(directory, name);
  const write = async (name: string, text: string, mode = 0o640) => {
    await writeFile(path(name), text);
    await chmod(path(name), mode);
    return path(name);
  };
  const { certificate, key } = await authority.issue(['DNS:localhost']);
  const tls = { certificate: await write('tls.crt', certificate), key: await write('tls.key', key) };
  const htpasswd = { path: await write('users', '') };
  const http = { addr: '127.0.0.1:0', debug: { addr: '' }, tls };
  const soon = await check({ http, auth: { htpasswd: { realm: 'x', ...htpasswd } }, admin: { addr: '', htpasswd } });
  assert.match(
    soon.of('http.tls.certificate'),
    /^warn .*tls\.crt: .* is valid until \d{4}-\d\d-\d\d, for [12] days\. Renew/,
  );
  assert.match(soon.of('http.tls.key'), /^ok .*tls\.key: a private key$/);
  assert.match(soon.of('auth.htpasswd.path'), /^warn .*users: it has no users\. Add one with "cistern user add"\.$/);
  assert.equal(soon.ok, true);

  await write('users', 'ada\n');
  await chmod(tls.key, 0o644);
  const old = await authority.issue(['DNS:localhost'], '20200227');
  await Promise.all([write('tls.crt', old.certificate), write('tls.key', old.key, 0o644)]);
  const bad = await check({ http, auth: { htpasswd: { realm: 'x', ...htpasswd } } });
  assert.match(bad.of('http.tls.certificate'), /^fail .* expired on 2020-\d\d-\d\d\. Renew it\.$/);
  assert.match(
    bad.of('http.tls.key'),
    /^warn .* is open to all users of this machine \(mode 644\)\. Run chmod o= on it/,
  );
  assert.match(bad.of('auth.htpasswd.path'), /^fail .*users: /);
  const missing = await check({ admin: { addr: '', htpasswd: { path: path('none') } } });
  assert.match(missing.of('admin.htpasswd.path'), /^warn .*none does not exist, so no operator can log in\./);
  assert.equal(missing.ok, true);
  const absent = await check({ auth: { htpasswd: { realm: 'x', path: path('none') } } });
  assert.match(absent.of('auth.htpasswd.path'), /^fail .*none does not exist\. Create it, or correct the setting\.$/);
});

test('directories need to be writable with free space, and no probe file stays', async (t) => {
  const { directory, check } = await open(t);
  const root = join(directory, 'root');
  await mkdir(root);
  const setting = 'storage.filesystem.rootdirectory';
  const of = async (rootdirectory: string, minfree = '1KiB') =>
    (await check({ storage: { filesystem: { rootdirectory }, minfree } })).of(setting);
  assert.match(await of(root), /^ok .*root is writable, \S+ \w+ of \S+ \w+ free$/);
  assert.match(await of(join(root, 'a', 'b')), /^ok .*b does not exist yet, and can be created/);
  assert.match(await of(join(directory, 'config.yml', 'x')), /^fail .* is below a file/);
  assert.match(await of('/sys/kernel'), /^fail .* cannot be written by user \d+ \((?:EACCES|EPERM|EROFS)\)\./);
  assert.match(await of(root, '99%'), /^warn .*writable, but only .* storage\.minfree is free/);
  assert.deepEqual(await readdir(root), []);
});

async function listen(t: TestContext, server: Server): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('an address in use fails, unless Cistern answers at that address', async (t) => {
  const { check } = await open(t);
  const silent = await listen(
    t,
    createServer((socket) => socket.destroy()),
  );
  const health = await listen(
    t,
    createHttpServer((_request, response) => response.writeHead(503).end('{"draining":false,"failing":{}}')),
  );
  const registry = { 'docker-distribution-api-version': 'registry/2.0' };
  const other = await listen(
    t,
    createHttpServer((_request, response) => response.writeHead(200, registry).end('{}')),
  );
  const cache = await listen(
    t,
    createHttpServer(({ headers }, response) =>
      response.writeHead(401, { ...registry, 'x-request-id': headers['x-request-id'] }).end(),
    ),
  );
  const debug = { addr: health };
  const taken = await check({ http: { addr: silent, debug }, admin: { addr: other } });
  assert.match(taken.of('http.debug.addr'), /^ok 127\.0\.0\.1:\d+ is in use by a running node of Cistern$/);
  assert.equal(
    taken.of('http.addr'),
    `fail ${silent} is in use by a program that does not answer as Cistern. Stop that program, or set http.addr to another port.`,
  );
  assert.match(taken.of('admin.addr'), /^fail \S+ is in use by another program\. /);
  assert.equal(taken.ok, false);
  const registryThere = await check({ http: { addr: other, debug } });
  assert.match(registryThere.of('http.addr'), /^fail \S+ is in use by another program\. /);
  const ours = await check({ http: { addr: cache, debug } });
  assert.match(ours.of('http.addr'), /^ok .* is in use by a running node of Cistern$/);
  const proxied = await check({
    http: { addr: silent, debug, proxyprotocol: true, trustedproxies: ['127.0.0.1'] },
  });
  assert.match(proxied.of('http.addr'), /^warn \S+ is in use, and does not answer without .* a PROXY header\. Check/);
  assert.equal((await check({})).of('http.addr'), 'ok 127.0.0.1:0 is free');
  const elsewhere = await check({ http: { addr: '192.0.2.1:5000', debug: { addr: '' } } });
  assert.match(elsewhere.of('http.addr'), /^fail 192\.0\.2\.1:5000 is no address of this machine\./);
});

test('keys of fields in the log are no settings of files', async (t) => {
  const { check } = await open(t);
  const { checks } = await check({ log: { fields: { key: 'a', ca: 'b', passwordfile: 'c' } } });
  assert.deepEqual(
    checks.filter(({ setting }) => setting.startsWith('log.')),
    [],
  );
});

test('each finding is one line, and mistakes of the file itself are JSON too', async (t) => {
  const { file, base } = await open(t);
  await writeFile(file, JSON.stringify(base));
  const { code, stdout } = await runCommand(['check-config', '--deep', file]);
  assert.equal(code, 0);
  for (const line of stdout.trimEnd().split('\n')) assert.match(line, /^(?:ok  |warn|FAIL) {2}[\w.-]+ +\S/);
  assert.match(stdout, /^ok {4}upstreams\.docker\.io|^ok {4}docker\.io/m);
  await writeFile(file, 'htp: {}');
  for (const deep of [[], ['--deep']]) {
    const invalid = await runCommand(['check-config', ...deep, '--json', file]);
    assert.deepEqual([invalid.code, invalid.stderr], [1, '']);
    assert.partialDeepStrictEqual(JSON.parse(invalid.stdout), { ok: false, problems: [{ setting: 'htp' }] });
  }
});
