import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, problemsOf } from '../testing.ts';

const upstream = (text: string): string => `upstreams: {docker.io: {${text}}}`;
const files = { '/secret': 'word', '/config.json': '{}' };

test("an upstream has all configured accounts, the entry's own first", () => {
  const text = `
upstreams:
  docker.io:
    username: me
    password: own
    credentials:
      ci: {username: robot, passwordfile: /secret}
      docker: {dockerconfig: /config.json}
      aws: {helper: docker-credential-ecr-login}
      mirror: {username: other, password: word, alternate: "https://mirror.example/"}
    alternates: ["https://mirror.example", "http://second.example:5000/path"]
    budget: {reserve: 30}
`;
  const hub = load(text, { files }).upstreams[0] ?? assert.fail();
  const section = 'upstreams.docker.io.credentials';
  assert.deepEqual(
    hub.credentials.map(({ alternate, ...rest }) => ({ ...rest, ...(alternate !== undefined && { alternate }) })),
    [
      {
        kind: 'password',
        name: 'me',
        setting: 'upstreams.docker.io.username',
        username: 'me',
        password: (hub.credentials[0] as { password: unknown }).password,
      },
      { kind: 'password-file', name: 'ci', setting: `${section}.ci`, username: 'robot', path: '/secret' },
      { kind: 'docker-config', name: 'docker', setting: `${section}.docker`, path: '/config.json' },
      {
        kind: 'helper',
        name: 'aws',
        setting: `${section}.aws`,
        program: 'docker-credential-ecr-login',
        keepMs: undefined,
      },
      {
        kind: 'password',
        name: 'mirror',
        setting: `${section}.mirror`,
        username: 'other',
        password: (hub.credentials[4] as { password: unknown }).password,
        alternate: 'https://mirror.example',
      },
    ],
  );
  assert.deepEqual(hub.alternates, ['https://mirror.example', 'http://second.example:5000/path']);
  assert.equal(hub.reserve, 30);
});

const withHelper = (exec: string) => `proxy: {remoteurl: https://quay.io, username: u, password: p, exec: ${exec}}`;

test("registry 3's credential helper is the only account of the single upstream", () => {
  const credentials = (exec: string) => load(withHelper(exec)).upstreams[0]?.credentials;
  const helper = { kind: 'helper', name: 'exec', setting: 'proxy.exec', alternate: undefined, program: '/opt/helper' };
  assert.deepEqual(credentials('{command: /opt/helper}'), [{ ...helper, keepMs: undefined }]);
  assert.deepEqual(credentials('{command: /opt/helper, lifetime: 1h}'), [{ ...helper, keepMs: 3_600_000 }]);
  assert.deepEqual(credentials('{command: /opt/helper, lifetime: 0s}'), [{ ...helper, keepMs: 0 }]);
  assert.deepEqual(
    problemsOf(withHelper('{lifetime: 1h}')).map(({ path }) => path),
    ['proxy.exec.command'],
  );
});

test('an upstream without accounts is pulled from anonymously', () => {
  const [hub] = load(upstream('')).upstreams;
  assert.deepEqual([hub?.credentials, hub?.alternates, hub?.reserve], [[], [], undefined]);
});

for (const [text, path, message] of [
  ['credentials: {a: {username: u}}', 'credentials.a.password', /required together with username/],
  ['credentials: {a: {password: p}}', 'credentials.a.username', /required together with a password/],
  ['credentials: {a: {username: u, passwordfile: /none}}', 'credentials.a.passwordfile', /does not exist/],
  ['credentials: {a: {dockerconfig: /none}}', 'credentials.a.dockerconfig', /does not exist/],
  ['credentials: {a: {helper: x, username: u, password: p}}', 'credentials.a', /one of username/],
  ['credentials: {a: {helper: x, dockerconfig: /config.json}}', 'credentials.a', /one of username/],
  ['credentials: {a: {helper: ../x}}', 'credentials.a.helper', /name of a helper/],
  ['credentials: {anonymous: {helper: x}}', 'credentials.anonymous', /in use/],
  ['username: a, password: p, credentials: {a: {helper: x}}', 'credentials.a', /in use/],
  [
    'credentials: {a: {helper: x, alternate: "https://b.example"}}, alternates: ["https://a.example"]',
    'credentials.a.alternate',
    /one of upstreams\.docker\.io\.alternates/,
  ],
  ['alternates: ["ftp://x"]', 'alternates[0]', /./],
  ['budget: {reserve: -1}', 'budget.reserve', /whole number/],
] as const)
  test(`${text} is rejected`, () => {
    const [problem, ...others] = problemsOf(upstream(text), { files });
    assert.equal(problem?.path, `upstreams.docker.io.${path}`);
    assert.match(problem.message, message);
    assert.deepEqual(others, []);
  });
