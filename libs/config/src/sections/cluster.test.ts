import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, problemPaths, problemsOf } from '../testing.ts';

const secret = '0123456789abcdef';
const redis = 'redis: {addr: "redis:6379"}';

test('the secret is set by value, by file or by environment', () => {
  assert.equal(load(`${redis}\ncluster: {secret: ${secret}}`).cluster?.secret.reveal(), secret);
  const files = { '/run/secrets/cistern': `${secret}\n` };
  assert.equal(
    load(`${redis}\ncluster: {secretfile: /run/secrets/cistern}`, { files }).cluster?.secret.reveal(),
    secret,
  );
  const env = { REGISTRY_CLUSTER_SECRET: secret };
  assert.equal(load(redis, { env }).cluster?.secret.reveal(), secret);
});

test('a missing or short secret is rejected with the command to create one', () => {
  assert.match(problemsOf(`${redis}\ncluster: {}`)[0]?.message ?? '', /openssl rand -hex 32$/);
  const [problem, ...others] = problemsOf(`${redis}\ncluster: {secret: hunter2}`);
  assert.equal(others.length, 0);
  assert.equal(problem?.path, 'cluster.secret');
  assert.match(problem.message, /at least 16 bytes, not 7; create one with: openssl rand -hex 32$/);
  assert.doesNotMatch(problem.message, /hunter2/);
  assert.deepEqual(problemPaths(`${redis}\ncluster: {secretfile: /s}`, { files: { '/s': 'short\n' } }), [
    'cluster.secretfile',
  ]);
  assert.deepEqual(problemPaths(`${redis}\ncluster: {secretfile: /gone}`), ['cluster.secretfile']);
});

test('a cluster needs Redis and a shared store', () => {
  assert.deepEqual(problemPaths(`cluster: {secret: ${secret}}`), ['cluster']);
  assert.deepEqual(problemPaths(`${redis}\nstorage: inmemory`), ['redis']);
  assert.equal(load(`${redis}\nstorage: {filesystem: {rootdirectory: /shared}}`).storage.kind, 'filesystem');
  assert.deepEqual(problemPaths(`${redis}\ncluster: {secret: ${secret}}\nworker: {addr: ":0"}`), ['worker.addr']);
  const s3 = 'storage: {s3: {bucket: bucket, region: r, accesskey: a, secretkey: s}}';
  assert.equal(load(s3).redis, undefined);
});

test('a Redis without a secret causes a warning, because it is for one node', () => {
  assert.deepEqual(
    load(redis).warnings.map(({ path }) => path),
    ['redis'],
  );
  assert.deepEqual(load(`${redis}\ncluster: {secret: ${secret}}`).warnings, []);
});

test('a worker has its own address and an advertised URL', () => {
  const { worker } = load('worker: {addr: "127.0.0.1:7002", advertise: "http://worker-1:7002/"}');
  assert.deepEqual(worker.address, { kind: 'tcp', host: '127.0.0.1', port: 7002 });
  assert.equal(worker.advertise, 'http://worker-1:7002');
  for (const wrong of ['worker-1:5002', 'ftp://worker-1', 'http://worker-1/path', 'http://u:p@worker-1'])
    assert.deepEqual(problemPaths(`worker: {advertise: "${wrong}"}`), ['worker.advertise']);
  assert.deepEqual(problemPaths('worker: {addr: "5002"}\nadmin: {addr: "5003"}'), ['worker.addr', 'admin.addr']);
});

test('the admin server listens on loopback or not at all in a single process, and on all addresses in a cluster', () => {
  assert.equal(load('admin: {addr: ""}').admin.address, undefined);
  const { admin } = load(`${redis}\ncluster: {secret: ${secret}}\nadmin: {htpasswd: {path: /operators}}`);
  assert.deepEqual(admin, {
    address: { kind: 'tcp', host: undefined, port: 5003 },
    explicit: false,
    htpasswd: { path: '/operators' },
  });
});

test('TLS between nodes needs a certificate with its key, and is mutual with a CA', () => {
  const files = { '/c': 'certificate', '/k': 'hunter2', '/ca': 'authority' };
  const { tls } = load('worker: {tls: {certificate: /c, key: /k, ca: /ca}}', { files }).worker;
  assert.equal(tls?.certificate, 'certificate');
  assert.equal(tls.key.reveal(), 'hunter2');
  assert.equal(tls.ca, 'authority');
  assert.equal(load('worker: {tls: {certificate: /c, key: /k}}', { files }).worker.tls?.ca, undefined);
  assert.deepEqual(problemPaths('worker: {tls: {certificate: /c}}', { files }), ['worker.tls.key']);
  assert.deepEqual(problemPaths('worker: {tls: {certificate: /c, key: /gone}}', { files }), ['worker.tls.key']);
  assert.deepEqual(problemPaths('worker: {advertise: "http://w:1", tls: {certificate: /c, key: /k}}', { files }), [
    'worker.advertise',
  ]);
});

test('the PROXY protocol needs trusted proxies', () => {
  const { http } = load('http: {reuseport: true, proxyprotocol: true, trustedproxies: [10.0.0.0/8]}');
  assert.equal(http.reusePort, true);
  assert.equal(http.proxyProtocol, true);
  assert.deepEqual(problemPaths('http: {proxyprotocol: true, trustedproxies: []}'), ['http.proxyprotocol']);
});
