// Tests `cistern check-config --deep` with a real Redis, a real S3 server, registries and an issuer.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { runCommand } from '@cistern/cli/testing/start-command';
import { startNode } from '@cistern/cli/testing/start-node';
import { freePort, makeCertificateFiles, startDockerRegistry, startRedis, startS3 } from '@cistern/test-servers';
import { Client } from 'minio';
import { openIssuer } from '../src/open-issuer.ts';
import { openDirectory, openUpstream } from '../src/open-stage.ts';

const s3 = await startS3();
after(() => s3.close());

async function open(t: TestContext) {
  const file = join(await openDirectory(t), 'config.yml');
  const quiet = { http: { addr: '127.0.0.1:0', debug: { addr: '' } }, admin: { addr: '' } };
  /** Returns the findings as lines of text, without those of listeners. */
  return async function check(config: object, env = {}) {
    await writeFile(file, JSON.stringify({ ...quiet, storage: { inmemory: {} }, ...config }));
    const { code, stdout, stderr } = await runCommand(['check-config', '--deep', file], { env });
    const lines = stdout.trimEnd().split('\n');
    return {
      code,
      stderr,
      lines: lines
        .map((line) => line.replace(/^(\S+) +(\S+) +/, '$1 $2 '))
        .filter((line) => !/^\S+ (?:http|admin|worker)\./.test(line)),
    };
  };
}

const registry = (url: string, more: object = {}) => ({ upstreams: { 'a.test': { url, ...more } } });

test('Redis is reached, suitable and accepts writes, or the reason is named', async (t) => {
  const check = await open(t);
  const of = async (redis: object) =>
    (await check({ offline: true, redis, cluster: { secret: 'x'.repeat(32) }, storage: s3Config('any') })).lines.find(
      (line) => / redis /.test(line),
    );
  const redis = await startRedis({ password: 'right' });
  t.after(() => redis.close());
  const addrs = [`${redis.host}:${redis.port}`];
  assert.match(
    (await of({ addrs, password: 'right' })) ?? '',
    /^ok redis Redis at 127\.0\.0\.1:\d+, keys cistern:\*: version \d\S+, noeviction, a key was written and removed$/,
  );
  assert.match((await of({ addrs, password: 'wrong' })) ?? '', /^FAIL redis .*(?:WRONGPASS|password)/);
  const nobody = await of({ addrs: [`127.0.0.1:${await freePort()}`] });
  assert.match(nobody ?? '', /^FAIL redis .*ECONNREFUSED.* Check redis\.addrs, .*, and that Redis runs\.$/);
  for (const [directive, reason] of [
    ['maxmemory-policy allkeys-lru', /^FAIL redis .*maxmemory-policy is allkeys-lru.*set it to noeviction\.$/],
    ['maxmemory 1kb', /^FAIL redis It is full \(maxmemory\).* Raise its maxmemory\.$/],
  ] as const) {
    const other = await startRedis({ directives: [directive] });
    t.after(() => other.close());
    assert.match((await of({ addrs: [`127.0.0.1:${other.port}`] })) ?? '', reason);
  }
});

function s3Config(bucket: string, more: object = {}) {
  const { endpoint: regionendpoint, region, accessKey: accesskey, secretKey: secretkey } = s3;
  return { s3: { bucket, regionendpoint, region, accesskey, secretkey, ...more } };
}

test('the bucket exists and accepts, returns and removes an object, or the reason is named', async (t) => {
  const check = await open(t);
  const bucket = `deep-${randomUUID()}`;
  const of = async (name: string, more: object = {}) =>
    (await check({ offline: true, storage: s3Config(name, more) })).lines.find((line) => / storage\.s3 /.test(line)) ??
    '';
  assert.match(
    await of(bucket),
    /^FAIL storage\.s3 bucket \S+ at \S+ does not exist\. Create it, or set storage\.s3\.createb/,
  );
  assert.match(await of(bucket, { createbucket: true }), /^warn storage\.s3 .* The first node creates it\.$/);
  const { hostname: endPoint, port } = new URL(s3.endpoint);
  const { region, accessKey, secretKey } = s3;
  const client = new Client({ endPoint, port: Number(port), useSSL: false, region, accessKey, secretKey });
  assert.equal(await client.bucketExists(bucket), false, 'the check creates no bucket');
  await client.makeBucket(bucket);
  assert.match(await of(bucket), /^ok storage\.s3 .*: an object was written, read and removed$/);
  assert.deepEqual(await client.listObjectsV2(bucket, '', true).toArray(), []);
  await assert.rejects(client.getBucketLifecycle(bucket), 'the check sets no lifecycle rule');
  assert.match(
    await of(bucket, { secretkey: 'wrong' }),
    /^FAIL storage\.s3 .*secret key does not belong to the access key/,
  );
});

test('each upstream is tried with each account, its alternates, and the clock', async (t) => {
  const check = await open(t);
  const accounts = [{ username: 'me', password: 'right' }];
  const bearer = await openUpstream(t, { auth: { kind: 'basic', accounts } });
  const credentials = { other: { username: 'me', password: 'wrong' } };
  const plain = await startDockerRegistry();
  t.after(() => plain.close());
  const dead = `http://127.0.0.1:${await freePort()}`;
  const upstream = { username: 'me', password: 'right', credentials, alternates: [plain.url, dead] };
  const { code, lines } = await check(registry(bearer.url, upstream));
  assert.equal(code, 1);
  for (const expected of [
    /^ok upstreams\.a\.test 127\.0\.0\.1:\d+ answers 401$/,
    /^ok upstreams\.a\.test account me is accepted$/,
    /^FAIL upstreams\.a\.test account other: .*refused the configured credentials.* Check the user name and password/,
    /^ok upstreams\.a\.test\.alternates\[0\] 127\.0\.0\.1:\d+ answers 200$/,
    /^FAIL upstreams\.a\.test\.alternates\[1\] 127\.0\.0\.1:\d+: nothing listens there: /,
    /^ok clock matches 127\.0\.0\.1:\d+$/,
  ])
    assert.ok(
      lines.some((line) => expected.test(line)),
      `${expected}\n${lines.join('\n')}`,
    );
  const offline = await check({ offline: true, ...registry(dead) });
  assert.deepEqual(offline.lines, [
    'ok upstreams.a.test offline, so it was not tried',
    'warn clock not compared, because no upstream sent its time.',
  ]);
  assert.equal(offline.code, 0);
});

test('issuers publish keys, and token servers answer', async (t) => {
  const check = await open(t);
  const issuer = await openIssuer(t);
  const dead = `http://127.0.0.1:${await freePort()}`;
  const rules = [{ when: { sub: 'a' }, pull: ['**'] }];
  const oidc = {
    one: { issuer: issuer.url, audience: 'x', rules },
    two: { issuer: dead, audience: 'x', rules },
  };
  const { code, lines } = await check({ offline: true, auth: { oidc } });
  assert.equal(code, 1);
  assert.match(lines.join('\n'), /^ok auth\.oidc\.one http:\/\/\S+ publishes 1 key$/m);
  assert.match(lines.join('\n'), /^FAIL auth\.oidc\.two .* Check auth\.oidc\.two\.issuer and ca\.$/m);
});

test('the addresses of running nodes are those of Cistern', async (t) => {
  const directory = await openDirectory(t);
  const { certFile: certificate, keyFile: key } = await makeCertificateFiles(directory);
  const redis = await startRedis();
  t.after(() => redis.close());
  const file = join(directory, 'cluster.yml');
  const ports = await Promise.all(Array.from({ length: 4 }, () => freePort()));
  const [addr = '', debug, fills, admin] = ports.map((port) => `127.0.0.1:${port}`);
  const config = {
    offline: true,
    http: { addr, debug: { addr: debug }, tls: { certificate, key } },
    admin: { addr: admin },
    worker: { addr: fills, spool: { directory: join(directory, 'spool') } },
    redis: { addrs: [`127.0.0.1:${redis.port}`] },
    cluster: { secret: 'x'.repeat(32) },
    storage: s3Config(`deep-${randomUUID()}`, { createbucket: true }),
  };
  await writeFile(file, JSON.stringify(config));
  // One command runs a frontend and a worker; the admin node has no health endpoint of its own here.
  const serve = await startNode('serve', file, {});
  t.after(() => serve.stop());
  const adminFile = join(directory, 'admin.yml');
  await writeFile(adminFile, JSON.stringify({ ...config, http: { ...config.http, debug: { addr: '' } } }));
  const operators = await startNode('admin', adminFile, {});
  t.after(() => operators.stop());
  const { stdout } = await runCommand(['check-config', '--deep', file]);
  for (const setting of ['http.addr', 'http.debug.addr', 'worker.addr', 'admin.addr'])
    assert.match(
      stdout,
      new RegExp(`^ok +${setting.replaceAll('.', '\\.')} +\\S+ is in use by a running node of Cistern$`, 'm'),
    );
});
