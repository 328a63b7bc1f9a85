import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { rootShape } from './build-config.ts';
import { changedSettings } from './live/changed-settings.ts';
import { loadConfig } from './load-config.ts';
import type { ConfigError } from './source/problems.ts';
import { load, problemPaths, problemsOf } from './testing.ts';

const registryFile = `
version: 0.1
log: {fields: {service: registry}}
storage: {cache: {blobdescriptor: inmemory}, filesystem: {rootdirectory: /var/lib/registry}}
http: {addr: ":5000", headers: {X-Content-Type-Options: [nosniff]}}
health: {storagedriver: {enabled: true, interval: 10s, threshold: 3}}
proxy: {remoteurl: https://registry-1.docker.io, username: user, password: 0123}
`;

test("loadConfig accepts registry:2's pull-through file unchanged and without a warning", () => {
  const config = load(registryFile);
  assert.deepEqual(config.warnings, []);
  assert.deepEqual(config.log, {
    level: 'info',
    formatter: 'text',
    fields: { service: 'registry' },
    loggedHitsPercent: 100,
    accessLogEnabled: false,
  });
  assert.deepEqual(config.storage, { kind: 'filesystem', rootDirectory: '/var/lib/registry' });
  assert.deepEqual(config.http.address, { kind: 'tcp', host: undefined, port: 5000 });
  assert.deepEqual(config.http.headers, { 'X-Content-Type-Options': ['nosniff'] });
  assert.deepEqual(config.health.storageDriver, { enabled: true, intervalMs: 10_000, threshold: 3 });
  const [hub, ...others] = config.upstreams;
  assert.equal(others.length, 0);
  assert.equal(hub?.name, 'docker.io');
  assert.equal(hub.isDefault, true);
  const [account] = hub.credentials;
  assert.ok(account?.kind === 'password');
  assert.equal(account.username, 'user');
  assert.equal(account.password.reveal(), '0123');
});

test('loadConfig accepts a registry:2 environment without a file', () => {
  const config = load(undefined, { env: { REGISTRY_PROXY_REMOTEURL: 'https://registry-1.docker.io' } });
  assert.deepEqual(
    config.upstreams.map(({ name, url, isDefault }) => ({ name, url, isDefault })),
    [{ name: 'docker.io', url: 'https://registry-1.docker.io', isDefault: true }],
  );
  assert.deepEqual(config.storage, { kind: 'filesystem', rootDirectory: '/default-root' });
});

test('an empty configuration has the built-in upstreams and the default ports', () => {
  const config = load(undefined);
  assert.deepEqual(
    config.upstreams.map(({ name }) => name),
    ['docker.io', 'quay.io', 'ghcr.io', 'gcr.io', 'registry.k8s.io', 'mcr.microsoft.com', 'public.ecr.aws'],
  );
  assert.deepEqual(
    config.upstreams.filter(({ isDefault }) => isDefault).map(({ name }) => name),
    ['docker.io'],
  );
  assert.deepEqual(config.http.address, { kind: 'tcp', host: undefined, port: 5000 });
  assert.deepEqual(config.http.debug, {
    address: { kind: 'tcp', host: '127.0.0.1', port: 5001 },
    explicit: false,
    prometheus: { enabled: true, path: '/metrics' },
  });
  assert.equal(config.http.drainTimeoutMs, 60_000);
  assert.deepEqual(config.http.trustedProxies, ['127.0.0.0/8', '::1/128']);
  assert.equal(config.http.reusePort, false);
  assert.equal(config.http.proxyProtocol, false);
  assert.equal(config.redis, undefined);
  assert.equal(config.cluster, undefined);
  assert.equal(config.storageRedirect, undefined);
  assert.deepEqual(config.admin, {
    address: { kind: 'tcp', host: '127.0.0.1', port: 5003 },
    explicit: false,
    htpasswd: undefined,
  });
  assert.deepEqual(config.worker, {
    address: { kind: 'tcp', host: undefined, port: 5002 },
    advertise: undefined,
    tls: undefined,
    spool: { directory: undefined, maxBytes: 20 * 1024 ** 3, perFillBytes: 1024 ** 3 },
    maxWholeForRangeBytes: 2 ** 30,
    concurrency: 32,
  });
});

test('a metrics path without a leading slash is rejected', () => {
  assert.deepEqual(problemsOf('http: {debug: {addr: ":5001", prometheus: {enabled: true, path: metrics}}}'), [
    { path: 'http.debug.prometheus.path', message: 'must be a path such as /metrics' },
  ]);
});

test('the error names every mistake with its path and the allowed values', () => {
  const wrong = 'log: {level: loud}\nhttp: {adr: ":5000"}\nupstreams: {quay.io: {ttl: 60, passwordfile: /gone}}';
  assert.deepEqual(problemsOf(wrong), [
    { path: 'http.adr', message: 'is not a known key; did you mean addr?' },
    { path: 'log.level', message: 'must be one of error, warn, info, debug, not "loud"' },
    {
      path: 'upstreams.quay.io.ttl',
      message: '"60" is not a duration: write a number with a unit, for example 500ms, 30s, 5m or 1h30m',
    },
    { path: 'upstreams.quay.io.passwordfile', message: 'the file /gone does not exist' },
  ]);
  assert.throws(
    () => load(wrong),
    (error: ConfigError) =>
      error.message.startsWith('config.yml has 4 problems:\n') &&
      /^ {2}http\.adr: is not a known key/m.test(error.message),
  );
});

test('the error names values of the wrong type', () => {
  const wrong = `
log: text
http: {addr: [":5000"], draintimeout: {}, headers: {"bad name": x, X-Good: "a\\nb"}, trustedproxies: [10.0.0.0/99]}
health: {storagedriver: {enabled: maybe, threshold: 0}}
worker: {concurrency: many, spool: {maxbytes: 20G}}
`;
  assert.deepEqual([...problemPaths(wrong)].sort(), [
    'health.storagedriver.enabled',
    'health.storagedriver.threshold',
    'http.addr',
    'http.draintimeout',
    'http.headers.X-Good',
    'http.headers.bad name',
    'http.trustedproxies[0]',
    'log',
    'worker.concurrency',
    'worker.spool.maxbytes',
  ]);
});

test('a syntax error names its line and shows no content of the file', () => {
  const [problem, ...others] = problemsOf('proxy:\n  password: hunter2\n bad: [hunter2\n');
  assert.match(problem?.message ?? '', /at line 3, column/);
  assert.ok(![problem, ...others].some((each) => each?.message.includes('hunter2')));
});

test('an unknown key without a similar one lists the allowed keys', () => {
  assert.deepEqual(problemsOf('health: {storagedriver: {colour: red}}\n__proto__: {a: b}'), [
    {
      path: 'health.storagedriver.colour',
      message: 'is not a known key; allowed keys: enabled, interval, threshold',
    },
    {
      path: '__proto__',
      message: `is not a known key; allowed keys: ${Object.keys(rootShape).sort().join(', ')}`,
    },
  ]);
});

test('several documents and an explosion of aliases are rejected', () => {
  assert.match(problemsOf('log: {}\n---\nhttp: {}')[0]?.message ?? '', /must be one YAML document/);
  const bomb = `a: &a [x]\nb: &b [${'*a,'.repeat(9)}]\nc: &c [${'*b,'.repeat(9)}]\nd: [${'*c,'.repeat(9)}]`;
  assert.match(problemsOf(bomb)[0]?.message ?? '', /alias count/);
});

test("loadConfig accepts the file of registry:3's image without a warning", () => {
  assert.deepEqual(load(registryFile.replace('storage: {', 'storage: {tag: {concurrencylimit: 8}, ')).warnings, []);
});

const denied = () => {
  throw Object.assign(new Error('denied'), { code: 'EACCES' });
};

test('a missing file, an unreadable file and a file that is no map are rejected', (t) => {
  assert.throws(
    () => loadConfig({ path: '/nowhere/config.yml', env: {}, defaults: { rootDirectory: '/x' } }),
    /^ConfigError: \/nowhere\/config\.yml has a problem:\n {2}the file cannot be read \(ENOENT\)$/,
  );
  assert.throws(
    () => loadConfig({ path: '/etc/cistern/config.yml', env: {}, defaults: { rootDirectory: '/x' }, readFile: denied }),
    new RegExp(`the file cannot be read by user ${process.getuid?.()}, which runs this process \\(EACCES\\)`),
  );
  assert.match(problemsOf('- a\n- b')[0]?.message ?? '', /must be a map of sections/);
  const directory = mkdtempSync(join(tmpdir(), 'cistern-config-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'config.yml');
  writeFileSync(path, 'http: {addr: ":6000"}');
  const env = { REGISTRY_CONFIGURATION_PATH: path };
  assert.deepEqual(loadConfig({ env, defaults: { rootDirectory: '/x' } }).http.address, {
    kind: 'tcp',
    host: undefined,
    port: 6000,
  });
});

test('an empty file, empty sections and keys without a value count as absent', () => {
  for (const text of ['', 'log:\nhttp:\n  addr:\n  debug:\nhealth: {storagedriver: }\nupstreams:\n']) {
    assert.deepEqual({ ...load(text), settings: undefined }, { ...load(undefined), settings: undefined });
    assert.deepEqual(changedSettings(load(text), load(undefined)), []);
  }
});

test('one store is accepted, and several are rejected', () => {
  assert.deepEqual(load('storage: {inmemory: }').storage, { kind: 'memory' });
  assert.deepEqual(load('storage: inmemory').storage, { kind: 'memory' });
  assert.deepEqual(load('storage: {filesystem: }').storage, { kind: 'filesystem', rootDirectory: '/var/lib/registry' });
  assert.deepEqual(load('storage: {cache: {blobdescriptor: redis}}').storage, {
    kind: 'filesystem',
    rootDirectory: '/default-root',
  });
  assert.deepEqual(problemPaths('storage: {inmemory: , filesystem: }'), ['storage']);
  assert.deepEqual(
    problemsOf('storage: {filesystem: , s3: {bucket: bucket, region: eu-west-1, accesskey: a, secretkey: s}}'),
    [{ path: 'storage', message: 'must name one store, not filesystem and s3 together' }],
  );
  assert.deepEqual(load('storage: {redirect: {disable: true}}').warnings, []);
});

const debug = (text: string) => load(`http: {debug: ${text}}`).http.debug;

test('a configured debug address is explicit, and serves metrics only if they are enabled', () => {
  assert.deepEqual(debug('{addr: "localhost:5001"}'), {
    address: { kind: 'tcp', host: 'localhost', port: 5001 },
    explicit: true,
    prometheus: { enabled: false, path: '/metrics' },
  });
  assert.equal(debug('{addr: ":1", prometheus: {enabled: true}}').prometheus.enabled, true);
  assert.equal(debug('{prometheus: {enabled: false}}').prometheus.enabled, false);
  assert.equal(debug('{addr: ""}').address, undefined);
});

test('net: unix makes addr the path of a socket, as in registry:2', () => {
  assert.deepEqual(load('http: {net: unix, addr: /run/cistern.sock}').http.address, {
    kind: 'unix',
    path: '/run/cistern.sock',
  });
});

test('log.level takes precedence over the old loglevel', () => {
  assert.equal(load('loglevel: DEBUG').log.level, 'debug');
  assert.equal(load('loglevel: debug\nlog: {level: error}').log.level, 'error');
});

test('the combined format is written on request only, as with the setting of registry:2', () => {
  assert.equal(load('log: {accesslog: {disabled: no}}').log.accessLogEnabled, true);
  assert.equal(load('log: {accesslog: {disabled: yes}}').log.accessLogEnabled, false);
});

const percentOf = (hits: string) => load(`log: {hits: ${hits}}`).log.loggedHitsPercent;

test('log.hits is all, none or a percentage', () => {
  assert.deepEqual(['all', 'none', '1%', '0.1 %', '100%'].map(percentOf), [100, 0, 1, 0.1, 100]);
  for (const hits of ['0.01', '101%', '-1%', 'some'])
    assert.throws(() => percentOf(hits), /log\.hits.*must be all, none, or a percentage/s);
});

test('registry:2 keys without effect cause warnings, and those that must not be ignored are rejected', () => {
  const { warnings } = load('proxy: {remoteurl: https://quay.io, ttl: 168h}\nnotifications: {endpoints: []}');
  assert.deepEqual(
    warnings.map(({ path }) => path),
    ['proxy.ttl', 'notifications'],
  );
  assert.match(warnings[0]?.message ?? '', /upstreams\.<name>\.ttl/);
  assert.deepEqual(problemPaths('proxy: {ttl: 7d}'), ['proxy.ttl']);
  assert.deepEqual(problemPaths('auth: {silly: {realm: r}}\nstorage: {gcs: {bucket: b}}\neviction: {}'), [
    'auth.silly',
    'storage.gcs',
    'eviction',
  ]);
  assert.deepEqual(problemPaths('auth: htpasswd'), ['auth.htpasswd.realm', 'auth.htpasswd.path']);
});

test('the configuration is deeply frozen, and no way of printing it shows a secret', () => {
  const config = load(
    'upstreams: {quay.io: {username: u, password: hunter2, proxy: "http://u:hunter2@proxy:3128", clientcertificate: /c, clientkey: /k}}',
    { files: { '/c': 'certificate', '/k': 'hunter2' } },
  );
  assert.throws(() => Object.assign(config.upstreams[0]?.timeouts ?? {}, { bodyIdleTimeoutMs: 1 }), TypeError);
  assert.throws(() => (config.upstreams as unknown[]).push(1), TypeError);
  assert.equal(config.upstreams[0]?.clientCertificate?.key.reveal(), 'hunter2');
  assert.doesNotMatch(JSON.stringify(config) + inspect(config, { depth: 9, showHidden: true }), /hunter2/);
});
