import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { load, problemPaths, problemsOf, type Given } from '../testing.ts';

const keys = 'accesskey: a, secretkey: s';

function s3(text: string, given?: Given) {
  const { storage } = load(`storage: {s3: {bucket: bucket, ${text}}}`, given);
  return storage.kind === 's3' ? storage : assert.fail(storage.kind);
}

const endpointOf = (text: string) => s3(`${keys}, ${text}`).endpoint;

const problems = (text: string, given?: Given) => problemPaths(`storage: {s3: {bucket: bucket, ${text}}}`, given);

test("registry:2's keys for AWS are accepted", () => {
  const { secretKey, ...found } = s3(`${keys}, region: eu-central-1, rootdirectory: /a/b/, secure: true, v4auth: true`);
  assert.deepEqual(found, {
    kind: 's3',
    endpoint: 'https://s3.eu-central-1.amazonaws.com',
    region: 'eu-central-1',
    accessKey: 'a',
    bucket: 'bucket',
    rootDirectory: 'a/b',
    pathStyle: false,
    createBucket: false,
    indexDirectory: '/default-root',
  });
  assert.equal(secretKey.reveal(), 's');
});

test('regionendpoint names a server such as MinIO, with a scheme or with secure', () => {
  const found = s3(`${keys}, regionendpoint: "http://minio:9000/", createbucket: true`);
  assert.partialDeepStrictEqual(found, {
    endpoint: 'http://minio:9000',
    region: 'us-east-1',
    pathStyle: true,
    createBucket: true,
  });
  assert.equal(endpointOf('regionendpoint: "minio:9000"'), 'https://minio:9000');
  assert.equal(endpointOf('regionendpoint: "minio:9000", secure: false'), 'http://minio:9000');
  assert.equal(endpointOf('regionendpoint: "https://minio:9000", secure: false'), 'https://minio:9000');
  assert.equal(s3(`${keys}, regionendpoint: minio, forcepathstyle: false`).pathStyle, false);
});

test('AWS endpoints are derived from the region', () => {
  assert.equal(endpointOf('region: cn-north-1'), 'https://s3.cn-north-1.amazonaws.com.cn');
  assert.equal(
    endpointOf('region: us-east-1, usedualstack: true, usefipsendpoint: true'),
    'https://s3-fips.dualstack.us-east-1.amazonaws.com',
  );
});

test('keys come from a file, or from the environment variables of the AWS tools', () => {
  const fromFile = s3('region: r, accesskey: a, secretkeyfile: /s', { files: { '/s': 'from-file\n' } });
  assert.equal(fromFile.secretKey.reveal(), 'from-file');
  const env = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'hunter2' };
  const fromEnv = s3('region: r', { env });
  assert.equal(fromEnv.accessKey, 'id');
  assert.equal(fromEnv.secretKey.reveal(), 'hunter2');
  assert.equal(s3(`region: r, ${keys}`, { env: { ...env, AWS_SESSION_TOKEN: 't' } }).accessKey, 'a');
  assert.deepEqual(problems('region: r', { env: { ...env, AWS_SESSION_TOKEN: 't' } }), ['storage.s3.accesskey']);
  assert.doesNotMatch(JSON.stringify(fromEnv) + inspect(fromEnv, { depth: 9, showHidden: true }), /hunter2/);
});

test('missing and invalid settings are reported', () => {
  assert.deepEqual(problems(keys), ['storage.s3.region']);
  assert.deepEqual(problems('region: r'), ['storage.s3.accesskey']);
  assert.deepEqual(problems('region: r, accesskey: a'), ['storage.s3.secretkey']);
  assert.deepEqual(problems('region: r, secretkey: s'), ['storage.s3.accesskey']);
  assert.deepEqual(problems('region: r, accesskey: a, secretkeyfile: /gone'), [
    'storage.s3.secretkeyfile',
    'storage.s3.secretkey',
  ]);
  assert.deepEqual(problems(`${keys}, regionendpoint: "http://minio:9000/bucket"`), ['storage.s3.regionendpoint']);
  assert.deepEqual(problemPaths(`storage: {s3: {region: r, ${keys}, bucket: My_Bucket}}`), ['storage.s3.bucket']);
  assert.match(problemsOf(`storage: {s3: {region: r, ${keys}}}`)[0]?.message ?? '', /^is required/);
});

test('settings without effect cause warnings, and unsupported values are rejected', () => {
  const { warnings } = load(
    `storage: {s3: {bucket: bucket, region: r, ${keys}, encrypt: true, accelerate: true, chunksize: 5242880, storageclass: STANDARD}}`,
  );
  assert.deepEqual(warnings.map(({ path }) => path).sort(), [
    'storage.s3.accelerate',
    'storage.s3.chunksize',
    'storage.s3.encrypt',
    'storage.s3.storageclass',
  ]);
  assert.deepEqual(problems(`${keys}, region: r, encrypt: true, keyid: k`), ['storage.s3.keyid']);
  assert.deepEqual(problems(`${keys}, region: r, skipverify: true`), ['storage.s3.skipverify']);
  assert.deepEqual(problems(`${keys}, region: r, v4auth: false`), ['storage.s3.v4auth']);
  assert.deepEqual(
    load(`storage: {s3: {bucket: bucket, region: r, ${keys}, encrypt: false, skipverify: false}}`).warnings,
    [],
  );
});

const redirect = (text: string, store = `s3: {bucket: bucket, region: r, ${keys}}`) =>
  `storage: {${store}, redirect: {${text}}}`;

test('redirects to the store must be enabled, and need S3', () => {
  assert.equal(load(redirect('disable: true')).storageRedirect, undefined);
  assert.deepEqual(load(redirect('disable: false')).storageRedirect, {
    endpoint: undefined,
    exceptNetworks: [],
    expiresMs: 20 * 60_000,
  });
  assert.deepEqual(
    load(redirect('disable: false, endpoint: "https://s3.example.com/", except: [10.0.0.0/8], expires: 1h'))
      .storageRedirect,
    { endpoint: 'https://s3.example.com', exceptNetworks: ['10.0.0.0/8'], expiresMs: 3_600_000 },
  );
  assert.deepEqual(problemPaths(redirect('disable: false', 'filesystem: {}')), ['storage.redirect.disable']);
  assert.deepEqual(problemPaths(redirect('disable: false, expires: 200h')), ['storage.redirect.expires']);
  assert.deepEqual(problemPaths(redirect('disable: false, endpoint: "https://x/y"')), ['storage.redirect.endpoint']);
  assert.deepEqual(
    load(redirect('except: [10.0.0.1]')).warnings.map(({ path }) => path),
    ['storage.redirect'],
  );
});
