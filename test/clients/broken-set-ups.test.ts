// Runs `cistern doctor` against set-ups that are broken in common ways. It finds each fault and names its remedy.
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { dirname, join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { cacheOf, openCistern, openDirectory, openUpstream } from '@cistern/single-node/open-stage';
import { runCommand as runCistern } from '@cistern/cli/testing/start-command';
import { sendRequest } from '@cistern/single-node/send-request';
import { until } from '@cistern/single-node/until';
import { bcryptHash, freePort, makeCertificateFiles, startS3 } from '@cistern/test-servers';
import { type Alteration, openAlteringProxy } from './src/open-altering-proxy.ts';

const owner = { after };
const upstream = await openUpstream(owner);
const { config } = upstream.addImage('library/app', { tag: 'latest' });
const { url: cache } = await openCistern(owner, { config: cacheOf(upstream) });

interface Visit {
  readonly url: string;
  readonly args?: readonly string[];
  readonly password?: string;
}

/**
 * Tests one set-up, which `open` creates. The check `found` must be the first to fail, with the remedy in its message.
 */
function isFound(name: string, found: string, remedy: RegExp, open: (t: TestContext) => Promise<Visit>): void {
  test(name, async (t) => {
    const { url, args = [], password } = await open(t);
    const all = [
      'doctor',
      url,
      ...(args.includes('--image') ? [] : ['--image', 'docker.io/library/app:latest']),
      ...args,
    ];
    const { code, stdout, stderr } = await runCistern(all, {
      env: password === undefined ? {} : { CISTERN_PASSWORD: password },
    });
    const [, what = '', message = ''] = /^FAIL {2}(.*?) {2,}(.*)$/m.exec(stdout) ?? [];
    assert.equal(what, found, stdout + stderr);
    assert.match(message, remedy);
    assert.equal(code, 1);
  });
}

const behind = (alteration: Alteration) => async (t: TestContext) => ({
  url: await openAlteringProxy(t, cache, alteration),
});
const without = (name: string) => (headers: IncomingHttpHeaders) => ({ ...headers, [name]: undefined });
const dropping = (name: string) => (headers: IncomingHttpHeaders) =>
  Object.fromEntries(Object.entries(without(name)(headers)).filter(([, value]) => value !== undefined));

isFound('a wrong port', 'reach', /check the port/, async () => ({ url: `http://127.0.0.1:${await freePort()}` }));

isFound('an unknown host name', 'reach', /check DNS/, async () => ({ url: 'http://cache.invalid' }));

isFound('https:// to plain HTTP', 'reach', /is it http:\/\//, async () => ({ url: cache.replace('http:', 'https:') }));

async function openTls(t: TestContext, options: Parameters<typeof makeCertificateFiles>[1] = {}) {
  const files = await makeCertificateFiles(await openDirectory(t), options);
  const { caFile, certFile: certificate, keyFile: key } = files;
  const { port } = await openCistern(t, { config: { ...cacheOf(upstream), http: { tls: { certificate, key } } } });
  return { caFile, url: `https://127.0.0.1:${port}` };
}

isFound('http:// to TLS', 'reach', /https:\/\//, async (t) => ({
  url: (await openTls(t)).url.replace('https:', 'http:'),
}));

isFound('a certificate of an unknown authority', 'reach', /with --ca, and to clients/, async (t) => ({
  url: (await openTls(t)).url,
}));

isFound('an expired certificate', 'reach', /has expired: renew it/, async (t) => {
  const { url, caFile } = await openTls(t, { from: '20200201' });
  return { url, args: ['--ca', caFile] };
});

isFound('a certificate for another name', 'reach', /for another name/, async (t) => {
  const { url, caFile } = await openTls(t, { names: ['DNS:cache.example'] });
  return { url, args: ['--ca', caFile] };
});

isFound('a wrong clock', 'clock', /60 minutes behind this machine: set both by NTP/, async (t) =>
  // real-time: the date of a server whose clock is an hour slow
  behind({ response: (headers) => ({ ...headers, date: new Date(Date.now() - 3_600_000).toUTCString() }) })(t),
);

isFound(
  'a balancer that strips the query',
  'ns',
  /pass the query on/,
  behind({ url: (url) => url.replace(/\?.*/, '') }),
);

isFound('a balancer that strips Range', 'blob, by Range', /pass Range on/, behind({ request: dropping('range') }));

isFound('a proxy that compresses', 'blob, by Range', /must not compress/, async (t) =>
  behind({
    response: (headers) =>
      headers['content-range'] === undefined ? headers : { ...headers, 'content-encoding': 'gzip' },
  })(t),
);

isFound(
  'a proxy that buffers bodies and sends them in chunks',
  'manifest by ns',
  /must pass bodies on without buffering/,
  behind({ response: dropping('content-length') }),
);

isFound(
  'a balancer with small header buffers',
  'long headers',
  /needs larger buffers/,
  behind({ server: { maxHeaderSize: 16_384 } }),
);

async function openWithUsers(t: TestContext): Promise<string> {
  const path = join(await openDirectory(t), 'htpasswd');
  await writeFile(path, `ada:${await bcryptHash('right')}\n`);
  const { url } = await openCistern(t, {
    config: { ...cacheOf(upstream), auth: { htpasswd: { realm: 'cache', path } } },
  });
  return url;
}

isFound('a login without a user', 'log in', /pass --user/, async (t) => ({ url: await openWithUsers(t) }));

isFound('a wrong password', 'log in', /rejects the user or the password/, async (t) => ({
  url: await openWithUsers(t),
  args: ['--user', 'ada'],
  password: 'wrong',
}));

isFound('a proxy that drops Authorization', 'log in', /must pass Authorization on/, async (t) => ({
  url: await openAlteringProxy(t, await openWithUsers(t), { request: dropping('authorization') }),
  args: ['--user', 'ada'],
  password: 'right',
}));

isFound('an upstream that is not configured', 'manifest by ns', /add it to `upstreams`/, async () => ({
  url: cache,
  args: ['--image', 'quay.io/org/app:1'],
}));

isFound(
  'an upstream that the cache cannot reach',
  'manifest by ns',
  /check the connection from the workers/,
  async (t) => {
    const unreachable = { url: `http://127.0.0.1:${await freePort()}` };
    return { url: (await openCistern(t, { config: cacheOf(unreachable) })).url };
  },
);

isFound('a redirect to a store that clients cannot reach', 'blob, by Range', /storage\.redirect/, async (t) => {
  const s3 = await startS3();
  t.after(() => s3.close());
  const { endpoint: regionendpoint, region, accessKey: accesskey, secretKey: secretkey } = s3;
  const bucket = { bucket: 'doctor', createbucket: true, indexdirectory: await openDirectory(t) };
  const storage = {
    s3: { regionendpoint, region, accesskey, secretkey, ...bucket },
    redirect: { disable: false, endpoint: `http://127.0.0.1:${await freePort()}` },
  };
  const { url } = await openCistern(t, { config: { ...cacheOf(upstream), storage } });
  const blob = `${url}/v2/library/app/blobs/${config.digest}`;
  await sendRequest(`${url}/v2/library/app/manifests/latest`);
  // The doctor tests a stored blob, because the cache itself sends one that is not stored yet.
  await until('the blob is stored', async () => (await sendRequest(blob)).status === 307);
  return { url };
});

/** Opens a machine with these files. */
const withFile = (path: string, content: string, client: string) => async (t: TestContext) => {
  const root = await openDirectory(t);
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), content.replace('CACHE', cache));
  return { url: cache, args: ['--client', client, '--root', root] };
};
const daemonJson = '/etc/docker/daemon.json';
const hostsToml = '/etc/containerd/certs.d/_default/hosts.toml';

isFound('docker without a file', 'docker', /client-config docker/, withFile('/etc/other', '', 'docker'));

isFound('docker without a mirror', 'docker', /does not name http/, withFile(daemonJson, '{ "debug": true }', 'docker'));

isFound(
  'docker with a wrong port of the mirror',
  'docker',
  /scheme and port must be the same/,
  withFile(daemonJson, '{ "registry-mirrors": ["http://127.0.0.1:1"] }', 'docker'),
);

isFound(
  'containerd that may not resolve tags at the cache',
  'containerd',
  /capabilities of the cache in \S+ lack resolve/,
  withFile(hostsToml, '[host."CACHE"]\n  capabilities = ["pull"]\n', 'containerd'),
);

isFound(
  'containerd with a file that is not TOML',
  'containerd',
  /cannot be read/,
  withFile(hostsToml, '[host."CACHE"\n', 'containerd'),
);

for (const [client, path, content] of [
  ['docker', daemonJson, '{ "registry-mirrors": ["CACHE/"] }'],
  ['containerd', hostsToml, '[host."CACHE"]\n'],
] as const)
  test(`${client} with a correct file`, async (t) => {
    const { url, args } = await withFile(path, content, client)(t);
    const { code, stdout } = await runCistern(['doctor', url, '--image', 'docker.io/library/app:latest', ...args]);
    assert.equal(code, 0, stdout);
    assert.match(stdout, new RegExp(`^ok {5}${client} `, 'm'));
  });
