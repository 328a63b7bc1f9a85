// Checks that every key of registry:2's configuration reference (2.8 and 3.0) is supported, warned about or rejected.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KeyNode } from './source/key-tree.ts';
import type { Problem } from './source/problems.ts';
import { isRawMap, readYaml, type RawValue } from './source/read-yaml.ts';
import { keyTree } from './build-config.ts';
import { makeKeyPair, problemsOf } from './testing.ts';
import { unsupportedKeys } from './source/unsupported-keys.ts';

const reference = `
version: 0.1
log:
  accesslog: {disabled: true}
  level: debug
  formatter: text
  fields: {service: registry, environment: staging}
  hooks:
    - type: mail
      disabled: true
      levels: [panic]
      options: {smtp: {addr: "mail:25", username: u, password: p, insecure: true}, from: a@b, to: [c@d]}
  reportcaller: false
loglevel: debug
storage:
  filesystem: {rootdirectory: /var/lib/registry, maxthreads: 100}
  azure: {accountname: n, accountkey: k, container: c, credentials: {type: client_secret}, max_retries: 10}
  gcs: {bucket: b, keyfile: /k, credentials: {type: service_account}, rootdirectory: /r, chunksize: 5242880}
  s3:
    accesskey: awsaccesskey
    secretkey: awssecretkey
    region: us-west-1
    regionendpoint: http://myobjects.local
    forcepathstyle: true
    bucket: bucketname
    encrypt: true
    keyid: mykeyid
    secure: true
    skipverify: false
    v4auth: true
    chunksize: 5242880
    multipartcopychunksize: 33554432
    multipartcopymaxconcurrency: 100
    multipartcopythresholdsize: 33554432
    rootdirectory: /s3/object/name/prefix
    storageclass: STANDARD
    useragent: registry
    usedualstack: false
    usefipsendpoint: false
    accelerate: false
    objectacl: private
    loglevel: off
  s3aws: {bucket: b}
  swift: {username: u, password: p, authurl: a, container: c}
  oss: {accesskeyid: a, accesskeysecret: s, region: r, bucket: b}
  inmemory:
  tag: {concurrencylimit: 8}
  delete: {enabled: false}
  redirect: {disable: false}
  cache: {blobdescriptor: redis, blobdescriptorsize: 10000}
  maintenance: {uploadpurging: {enabled: true, age: 168h, interval: 24h, dryrun: false}, readonly: {enabled: false}}
auth:
  silly: {realm: r, service: s}
  token: {autoredirect: true, autoredirectpath: /auth/token, jwksrefreshinterval: 1h, realm: r, service: s, issuer: i, rootcertbundle: /r, jwks: /j, signingalgorithms: [EdDSA]}
  htpasswd: {realm: basic-realm, path: /path/to/htpasswd}
middleware:
  registry: [{name: ARegistryMiddleware, options: {foo: bar}}]
  repository: [{name: ARepositoryMiddleware, options: {foo: bar}}]
  storage: [{name: cloudfront, options: {baseurl: "https://a/"}}, {name: redirect, options: {baseurl: "https://b/"}}]
reporting:
  bugsnag: {apikey: k, releasestage: s, endpoint: e}
  newrelic: {licensekey: k, name: n, verbose: true}
http:
  addr: localhost:5000
  net: tcp
  prefix: /my/nested/registry/
  host: https://myregistryaddress.org:5000
  secret: asecretforlocaldevelopment
  relativeurls: false
  draintimeout: 60s
  tls:
    certificate: /path/to/x509/public
    key: /path/to/x509/private
    clientcas: [/path/to/ca.pem, /path/to/another/ca.pem]
    clientauth: require-and-verify-client-cert
    minimumtls: tls1.2
    ciphersuites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]
    letsencrypt: {cachefile: /c, email: e@f, hosts: [myregistryaddress.org], directoryurl: "https://d"}
  debug: {addr: "localhost:5001", prometheus: {enabled: true, path: /metrics}}
  headers: {X-Content-Type-Options: [nosniff]}
  http2: {disabled: false}
  h2c: {enabled: false}
notifications:
  events: {includereferences: true}
  endpoints: [{name: alistener, url: "https://my.listener.com/event", timeout: 1s, threshold: 10, backoff: 1s}]
redis:
  addr: localhost:6379
  password: asecret
  db: 0
  dialtimeout: 10ms
  readtimeout: 10ms
  writetimeout: 10ms
  pool: {maxidle: 16, maxactive: 64, idletimeout: 300s}
  tls: {enabled: false, certificate: /path/to/cert.crt, key: /path/to/key.pem, clientcas: [/path/to/ca.pem], rootcas: [/path/to/ca.pem]}
  username: user
  mastername: mymaster
  sentinelusername: user
  sentinelpassword: asecret
  clientname: registry
  protocol: 3
  maxretries: 3
  minretrybackoff: 8ms
  maxretrybackoff: 512ms
  contexttimeoutenabled: true
  poolfifo: false
  poolsize: 64
  pooltimeout: 1s
  minidleconns: 1
  maxidleconns: 16
  maxactiveconns: 64
  connmaxidletime: 300s
  connmaxlifetime: 1h
  maxredirects: 3
  readonly: false
  routebylatency: false
  routerandomly: false
  disableidentity: false
  identitysuffix: x
  unstableresp3: false
health:
  storagedriver: {enabled: true, interval: 10s, threshold: 3}
  file: [{file: /path/to/checked/file, interval: 10s}]
  http: [{uri: "http://server", headers: {Authorization: [Basic x]}, statuscode: 200, timeout: 3s, interval: 10s}]
  tcp: [{addr: "redis-server.domain.com:6379", timeout: 3s, interval: 10s, threshold: 3}]
proxy:
  remoteurl: https://registry-1.docker.io
  username: username
  password: password
  exec: {command: docker-credential-helper, lifetime: 1h}
  ttl: 168h
  remotenamespace: namespace
catalog: {maxentries: 1000}
compatibility: {schema1: {signingkeyfile: /etc/registry/key.json, enabled: true}}
validation:
  enabled: true
  disabled: false
  manifests:
    urls: {allow: ["^https?://a/"], deny: ["^https?://b/"]}
    indexes: {platforms: List, platformlist: [{architecture: amd64, os: linux}]}
policy: {repository: {classes: [image]}}
`;

const byPath = (a: Problem, b: Problem) => (a.path < b.path ? -1 : 1);

test('every key of the reference is known and valid, and only rejected keys cause problems', () => {
  const refused = unsupportedKeys.filter((row) => row.standing === 'refused' && row.origin === 'registry');
  const expected = [
    ...refused.map(({ path, reason }) => ({ path, message: reason })),
    {
      path: 'auth.token',
      message:
        'excludes the other keys of auth, because clients then log in only to the token server: remove them, or auth.token',
    },
    // The next problems are expected, because the reference contains every store, and keys that exclude each other.
    { path: 'storage', message: 'must name one store, not filesystem and s3 and inmemory together' },
    {
      path: 'storage.s3.keyid',
      message: "the bucket's default encryption applies: make this key the default of the bucket, and remove keyid",
    },
    {
      path: 'redis',
      message:
        'needs a store that the nodes share: use storage.s3, or storage.filesystem on one machine or a shared directory, instead of storage.inmemory',
    },
  ];
  const pem = makeKeyPair();
  const paths = ['x509/public', 'x509/private', 'ca.pem', 'another/ca.pem'];
  const files = Object.fromEntries(paths.map((path) => [`/path/to/${path}`, pem]));
  assert.deepEqual([...problemsOf(reference, { files })].sort(byPath), expected.sort(byPath));
});

test('every unsupported registry:2 key occurs in the reference', () => {
  const met = new Set<string>();
  const walk = (value: RawValue, node: KeyNode): void => {
    if (node.kind === 'unsupported') met.add(node.row.path);
    if (node.kind === 'section' && isRawMap(value))
      for (const [key, below] of Object.entries(value)) walk(below, node.children.get(key) ?? assert.fail(key));
  };
  walk(readYaml(reference), keyTree);
  const rows = unsupportedKeys.filter(({ origin }) => origin === 'registry').map(({ path }) => path);
  assert.deepEqual([...met].sort(), rows.sort());
});
