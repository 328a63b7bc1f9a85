// Changes the file of a running process and sends SIGHUP. Everything that a reload applies is visible to clients, and open
// connections and downloads continue.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import { join } from 'node:path';
import { type TestContext, after, test } from 'node:test';
import { createGate } from '@cistern/fake-upstream';
import { bcryptHash, freePort, startProcess } from '@cistern/test-servers';
import { runCommand } from '@cistern/cli/testing/start-command';
import { openDirectory, openUpstream, seededBytes } from '../src/open-stage.ts';
import { launcher } from '../src/launcher.ts';
import { beginDownload, sendRequest } from '../src/send-request.ts';
import { until } from '../src/until.ts';

type Sections = Readonly<Record<string, unknown>>;

const [one, two] = [
  { username: 'one', password: 'password-one', repositories: ['library/one', 'library/both'] },
  { username: 'two', password: 'password-two', repositories: ['library/two', 'library/both'] },
];
const upstream = await openUpstream({ after }, { auth: { kind: 'basic', accounts: [one, two] } });
for (const name of ['one', 'two', 'both']) upstream.addImage(`library/${name}`, { tag: 'latest', seed: name });
const directory = await openDirectory({ after });
const users = join(directory, 'htpasswd');
await writeFile(users, `ada:${await bcryptHash('password-of-ada')}\n`);

const docker = ({ username, password }: { username: string; password: string }, more: Sections = {}) => ({
  'docker.io': { url: upstream.url, username, password, ttl: '0s', timeouts: { silence: '10s' }, ...more },
});

/** Starts a process. `reload` writes its file, sends SIGHUP and resolves when the log has the message. */
async function startNode(t: TestContext) {
  const [port, debugPort] = [await freePort(), await freePort()];
  const [file, rootdirectory] = [join(directory, `${port}.yml`), join(directory, String(port))];
  const base = {
    log: { level: 'info', formatter: 'json', accesslog: { disabled: true } },
    http: { addr: `127.0.0.1:${port}`, debug: { addr: `127.0.0.1:${debugPort}`, prometheus: { enabled: true } } },
    storage: { filesystem: { rootdirectory } },
    admin: { addr: '' },
    upstreams: docker(one),
  };
  const write = (sections: Sections) => writeFile(file, JSON.stringify({ ...base, ...sections }));
  await write({});
  const url = `http://127.0.0.1:${port}`;
  const node = await startProcess({
    command: process.execPath,
    args: [launcher, 'serve', file],
    name: 'cistern',
    ready: { http: `${url}/v2/` },
  });
  t.after(() => node.stop());
  const count = (message: string) => node.outputLines().filter((line) => line.includes(message)).length;
  return {
    base,
    url,
    node,
    file,
    rootdirectory,
    metrics: async () => String((await sendRequest(`http://127.0.0.1:${debugPort}/metrics`)).body),
    async reload(sections: Sections, message = '"configuration reloaded"') {
      const before = count(message);
      await write(sections);
      node.sendSignal('SIGHUP');
      await until(`the log has ${message}`, async () => count(message) > before);
    },
    async statusOf(path: string, headers: Readonly<Record<string, string>> = {}) {
      return (await sendRequest(`${url}${path}`, { headers })).status;
    },
  };
}

const manifest = (name: string) => `/v2/library/${name}/manifests/latest`;
const ada = { authorization: `Basic ${Buffer.from('ada:password-of-ada').toString('base64')}` };

test('credentials, rules, users, limits and freshness change on one connection', async (t) => {
  const { url, reload, statusOf } = await startNode(t);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const ping = () =>
    new Promise<boolean>((resolve, reject) => {
      const request = get(`${url}/v2/`, { agent }, (answer) =>
        answer.resume().once('end', () => resolve(request.reusedSocket)),
      ).on('error', reject);
    });
  assert.equal(await ping(), false);

  assert.deepEqual([await statusOf(manifest('one')), await statusOf(manifest('two'))], [200, 403]);
  await reload({ upstreams: docker(two) });
  // A denial is remembered for two seconds at most.
  await until('the new account pulls', async () => (await statusOf(manifest('two'))) === 200);

  const cached = async () => (await sendRequest(`${url}${manifest('both')}`)).headers['x-cache'];
  assert.deepEqual([await cached(), await cached()], ['MISS', 'REVALIDATED']);
  await reload({ upstreams: docker(two, { ttl: '1h' }) });
  assert.equal(await cached(), 'HIT');

  await reload({ access: { rules: [{ action: 'deny', images: ['docker.io/library/both'] }] } });
  assert.equal(await statusOf(manifest('both')), 403);

  assert.equal(await statusOf('/token'), 404);
  await reload({ auth: { htpasswd: { realm: 'cache', path: users }, tokenserver: {} } });
  assert.deepEqual([await statusOf('/v2/'), await statusOf('/token', ada)], [401, 200]);
  await reload({ limits: { requestsperminute: 1 } });
  assert.deepEqual([await statusOf('/v2/'), await statusOf('/v2/')], [200, 503]);
  await reload({ upstreams: docker(one, { access: 'verify' }) });
  assert.deepEqual([await statusOf('/v2/'), await statusOf('/token')], [401, 200]);
  await reload({});
  assert.deepEqual([await statusOf('/v2/'), await statusOf('/token'), await ping()], [200, 404, true]);
});

test('the log level changes, and settings that need a restart are named', async (t) => {
  const { base, node, url, reload, statusOf } = await startNode(t);
  const debugLines = () => node.outputLines().filter((line) => line.includes('"level":"debug"')).length;
  await statusOf(manifest('one'));
  assert.equal(debugLines(), 0);
  const http = { ...base.http, addr: '127.0.0.1:1', headers: { 'X-New': ['1'] } };
  await reload({ log: { ...base.log, level: 'debug' }, http });
  await statusOf(manifest('one'));
  await until('debug lines are logged', async () => debugLines() > 0);
  assert.match(node.outputLines().join('\n'), /"keys":\["http\.addr","http\.headers\.X-New"\],.*needs a restart/);
  assert.equal((await sendRequest(`${url}/v2/`)).headers['x-new'], undefined);
});

test('an invalid file, or one that names a missing file, changes nothing', async (t) => {
  const { node, reload, statusOf } = await startNode(t);
  const rejected = '"configuration rejected, keeping the running one"';
  const deny = { rules: [{ action: 'deny' }] };
  await reload({ access: deny, limits: { connections: 'many' } }, rejected);
  await reload({ access: deny, auth: { htpasswd: { realm: 'cache', path: join(directory, 'missing') } } }, rejected);
  assert.equal(await statusOf(manifest('one')), 200);
  const reasons = node.outputLines().filter((line) => line.includes(rejected));
  assert.match(reasons[0] ?? '', /limits\.connections/);
  assert.match(reasons[1] ?? '', /auth\.htpasswd\.path/);
});

test('a removed upstream finishes its download, and is then unknown to clients and metrics', async (t) => {
  const { url, reload, metrics, statusOf } = await startNode(t);
  const other = await openUpstream(t);
  const blob = seededBytes(2_000_000, 'slow');
  const { digest } = other.addBlob('org/app', blob);
  const gate = createGate();
  other.addFault({ digest, method: 'GET' }, { gate });
  gate.allow(1_000_000);
  await reload({ upstreams: { ...docker(one), 'other.example': { url: other.url, timeouts: { silence: '10s' } } } });
  assert.match(await metrics(), /cistern_upstream_requests_total\{upstream="other\.example"/);
  const download = await beginDownload(`${url}/v2/org/app/blobs/${digest}?ns=other.example`);
  await download.untilReceived(500_000);
  await reload({});
  assert.equal(await statusOf(`/v2/org/app/blobs/${digest}?ns=other.example`), 404);
  assert.doesNotMatch(await metrics(), /endpoint_state\{upstream="other\.example"/);
  gate.release();
  const { complete, body } = await download.ended;
  assert.ok(complete && body.equals(blob));
});

test('the command reloads, and reports what happened by its output and exit code', async (t) => {
  const { base, file, rootdirectory } = await startNode(t);
  const run = async () => runCommand(['reload', '--data', rootdirectory]);
  assert.match((await run()).stdout, /^NODE .*\n\S+ +standalone +unchanged\n$/);
  await writeFile(file, JSON.stringify({ ...base, offline: true, admin: { addr: '127.0.0.1:1' } }));
  const { code, stdout } = await run();
  assert.equal(code, 0);
  assert.match(stdout, / applied +admin\.addr\n$/);
  await writeFile(file, `${await readFile(file, 'utf8')} ?`);
  const rejected = await run();
  assert.equal(rejected.code, 2);
  assert.match(rejected.stdout, / rejected +admin\.addr\n\n\S+: \S+\.yml has a problem:\n/);
});
