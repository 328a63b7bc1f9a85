import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, problemPaths, problemsOf } from '../testing.ts';

const namesOf = (text: string) => load(text).upstreams.map(({ name }) => name);
const defaultOf = (text: string) => load(text).upstreams.find(({ isDefault }) => isDefault)?.name;

const takesAny = (text: string) => load(text).upstreams.map(({ takesAnyNamespace }) => takesAnyNamespace);

const single = (url: string) => load(`proxy: {remoteurl: "${url}"}`).upstreams.map((each) => [each.name, each.url]);

test("registry:2's single upstream is named after its host, and every name of Docker Hub means docker.io", () => {
  assert.deepEqual(single('https://registry-1.docker.io/'), [['docker.io', 'https://registry-1.docker.io']]);
  assert.deepEqual(single('https://index.docker.io'), [['docker.io', 'https://registry-1.docker.io']]);
  assert.deepEqual(single('https://docker.io'), [['docker.io', 'https://registry-1.docker.io']]);
  assert.deepEqual(single('http://Registry.local:5000'), [['registry.local:5000', 'http://registry.local:5000']]);
  assert.equal(defaultOf('proxy: {remoteurl: https://quay.io}'), 'quay.io');
});

test('the single upstream is added to the others', () => {
  const text = 'proxy: {remoteurl: https://quay.io}\nupstreams: {docker.io: {}, ghcr.io: {}}';
  assert.deepEqual(namesOf(text), ['quay.io', 'docker.io', 'ghcr.io']);
  assert.equal(defaultOf(text), 'quay.io');
  assert.deepEqual(problemPaths('proxy: {remoteurl: https://quay.io}\nupstreams: {ghcr.io: {default: true}}'), [
    'upstreams.ghcr.io.default',
  ]);
  assert.deepEqual(problemPaths('proxy: {remoteurl: https://quay.io}\nupstreams: {quay.io: {}}'), [
    'upstreams.quay.io',
  ]);
});

test("an unknown ns means registry:2's single upstream if no other one is configured", () => {
  assert.deepEqual(takesAny('proxy: {remoteurl: https://registry.example.com}'), [true]);
  assert.deepEqual(takesAny('upstreams: {quay.io: {}}'), [false]);
  assert.deepEqual(takesAny('proxy: {remoteurl: https://quay.io}\nupstreams: {ghcr.io: {}}'), [false, false]);
  assert.ok(takesAny('log: {level: info}').every((takes) => !takes));
});

test('the default upstream is the one with default: true, else docker.io, else the only one', () => {
  assert.equal(defaultOf('upstreams: {docker.io: {}, quay.io: {default: true}}'), 'quay.io');
  assert.equal(defaultOf('upstreams: {quay.io: {}, docker.io: {}}'), 'docker.io');
  assert.equal(defaultOf('upstreams: {quay.io: {}}'), 'quay.io');
  assert.equal(defaultOf('upstreams: {quay.io: {}, ghcr.io: {}}'), undefined);
  assert.equal(defaultOf('upstreams: {docker.io: {default: no}, quay.io: {}}'), undefined);
  assert.deepEqual(
    problemPaths('upstreams: {a: {url: "http://a", default: true}, b: {url: "http://b", default: true}}'),
    ['upstreams.b.default'],
  );
});

test('docker.io has its aliases with any URL', () => {
  const [hub, quay] = load(
    'upstreams: {docker.io: {url: https://mirror.example, aliases: [Hub]}, quay.io: {}}',
  ).upstreams;
  assert.deepEqual(hub?.aliases, ['hub', 'index.docker.io', 'registry-1.docker.io', 'docker-io']);
  assert.equal(hub.url, 'https://mirror.example');
  assert.equal(quay?.url, 'https://quay.io');
});

const aliasesOf = (text: string) => load(text).upstreams.map(({ aliases }) => aliases);

test('each upstream has an alias without a dot, which no namespace of Docker Hub can have', () => {
  assert.deepEqual(
    aliasesOf('upstreams: {docker.io: {}, ghcr.io: {aliases: [gh]}, "localhost:5001": {url: "http://a"}}'),
    [['index.docker.io', 'registry-1.docker.io', 'docker-io'], ['gh', 'ghcr-io'], ['localhost-5001']],
  );
  assert.deepEqual(aliasesOf('upstreams: {quay.io: {}, ghcr.io: {}}'), [['quay-io'], ['ghcr-io']]);
  assert.deepEqual(aliasesOf('upstreams: {internal: {url: "http://a"}}'), [[]]);
});

test('such aliases do not exist if the default upstream is not Docker Hub', () => {
  assert.deepEqual(aliasesOf('upstreams: {registry.example: {url: "http://a", default: true}, ghcr.io: {}}'), [[], []]);
});

test('such an alias yields to an upstream of that name, and does not exist if it is ambiguous', () => {
  const hub = 'docker.io: {}';
  assert.deepEqual(aliasesOf(`upstreams: {${hub}, ghcr.io: {}, ghcr-io: {url: "http://a"}}`).slice(1), [[], []]);
  assert.deepEqual(aliasesOf(`upstreams: {${hub}, ghcr.io: {}, quay.io: {aliases: [ghcr-io]}}`).slice(1), [
    [],
    ['ghcr-io', 'quay-io'],
  ]);
  const [, ...twins] = aliasesOf(`upstreams: {${hub}, a.b-c: {url: "http://a"}, a-b.c: {url: "http://b"}}`);
  assert.deepEqual(twins, [[], []]);
});

test('every key of an upstream is read', () => {
  const text = `
upstreams:
  internal:
    url: http://registry.internal:5000/
    aliases: [one, two]
    hosts: [Mirror.internal]
    username: robot
    passwordfile: /run/secret
    proxy: http://proxy:3128
    ca: /ca.pem
    clientcertificate: /cert.pem
    clientkey: /key.pem
    allowprivate: true
    access: verify
    rememberaccess: 90s
    ttl: 5m
    maxage: 720h
    maxconnections: 8
    connectionsperblob: 2
    timeouts: {connect: 1s, headers: 2s, body: 3s, silence: 4s}
`;
  const files = { '/run/secret': 'pass word\n', '/ca.pem': 'CA', '/cert.pem': 'CERT', '/key.pem': 'KEY\n' };
  const [upstream] = load(text, { files }).upstreams;
  const { credentials, proxyUrl, clientCertificate, ...rest } = upstream ?? assert.fail();
  assert.deepEqual(rest, {
    name: 'internal',
    url: 'http://registry.internal:5000',
    aliases: ['one', 'two'],
    hosts: ['mirror.internal'],
    isDefault: true,
    takesAnyNamespace: false,
    ca: 'CA',
    allowPrivate: true,
    alternates: [],
    reserve: undefined,
    freshness: [
      { tags: ['*'], ttlMs: 300_000, staleWhileRevalidateMs: 0, staleIfErrorMs: Infinity, onNotFound: 'keep' },
    ],
    lists: { ttlMs: 30_000, staleIfErrorMs: Infinity },
    rememberAccessMs: 90_000,
    isOffline: false,
    maxAgeMs: 720 * 3_600_000,
    maxConnections: 8,
    connectionsPerBlob: 2,
    timeouts: { connectTimeoutMs: 1000, headersTimeoutMs: 2000, bodyIdleTimeoutMs: 3000, silenceMs: 4000 },
  });
  assert.deepEqual(credentials, [
    {
      kind: 'password-file',
      name: 'robot',
      setting: 'upstreams.internal.username',
      username: 'robot',
      path: '/run/secret',
      alternate: undefined,
    },
  ]);
  assert.equal(proxyUrl?.reveal(), 'http://proxy:3128/');
  assert.equal(clientCertificate?.certificate, 'CERT');
  assert.equal(clientCertificate.key.reveal(), 'KEY\n');
});

test('invalid names, and two upstreams with one name or host, are rejected', () => {
  assert.deepEqual(problemPaths('upstreams: {A_B!: {url: "http://a"}, v2: {url: "http://b"}}'), [
    'upstreams.A_B!',
    'upstreams.v2',
  ]);
  assert.deepEqual(problemPaths('upstreams: {registry-1.docker.io: {url: "https://registry-1.docker.io"}}'), [
    'upstreams.registry-1.docker.io',
  ]);
  assert.deepEqual(problemsOf('upstreams: {quay.io: {aliases: [q]}, ghcr.io: {aliases: [Q]}, q: {url: "http://q"}}'), [
    { path: 'upstreams.ghcr.io.aliases', message: '"q" already means upstreams.quay.io: choose another name' },
    { path: 'upstreams.q', message: '"q" already means upstreams.ghcr.io: choose another name' },
  ]);
  assert.deepEqual(problemPaths('upstreams: {quay.io: {hosts: [m]}, ghcr.io: {hosts: [M]}}'), [
    'upstreams.ghcr.io.hosts',
  ]);
});

test('incomplete pairs of keys are rejected', () => {
  assert.deepEqual(
    problemPaths(
      `
upstreams:
  a: {}
  quay.io: {username: u}
  ghcr.io: {password: p}
  gcr.io: {username: u, password: p, passwordfile: /p}
  docker.io: {clientkey: /k}
  public.ecr.aws: {ca: /none, clientcertificate: /none, clientkey: /k}
`,
      { files: { '/p': 'x', '/k': 'x' } },
    ),
    [
      'upstreams.a.url',
      'upstreams.quay.io.password',
      'upstreams.ghcr.io.username',
      'upstreams.gcr.io.passwordfile',
      'upstreams.docker.io.clientcertificate',
      'upstreams.public.ecr.aws.ca',
      'upstreams.public.ecr.aws.clientcertificate',
    ],
  );
  assert.deepEqual(problemPaths('proxy: {remoteurl: https://quay.io, username: u}'), ['proxy.password']);
});

const remembered = (text: string) => load(`upstreams: {quay.io: {${text}}}`).upstreams[0]?.rememberAccessMs;

test('access is shared or verified, with a time for which a permission is remembered', () => {
  assert.equal(remembered(''), undefined);
  assert.equal(remembered('access: shared'), undefined);
  assert.equal(remembered('access: verify'), 300_000);
  assert.deepEqual(problemPaths('upstreams: {quay.io: {access: verify, rememberaccess: 500ms}}'), [
    'upstreams.quay.io.rememberaccess',
  ]);
  assert.deepEqual(problemPaths('upstreams: {quay.io: {access: private}}'), ['upstreams.quay.io.access']);
});

test('auth and access: verify exclude each other, because callers have only one header for credentials', () => {
  const verified = 'upstreams: {docker.io: {}, quay.io: {access: verify}}';
  assert.deepEqual(problemPaths(`${verified}\nauth: {robots: true}`), ['upstreams.quay.io.access']);
  const htpasswd = 'auth: {htpasswd: {realm: here, path: /users}}';
  const [problem] = problemsOf(`${verified}\n${htpasswd}`, { files: { '/users': '' } });
  assert.match(problem?.message ?? '', /exclude each other/);
  assert.equal(load(verified).upstreams[1]?.rememberAccessMs, 300_000);
});
