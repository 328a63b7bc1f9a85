// Tests commands from their arguments to their output and exit code.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { Readable } from 'node:stream';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Command } from 'commander';
import { addNodes } from './commands/nodes.ts';
import { examples } from './help/examples.ts';
import { addOtherCommands } from './other-commands.ts';
import { translateRegistryCommand } from './translate-command.ts';
import { runCommand } from './testing/start-command.ts';

async function openDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-cli-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

test('help shows the commands in groups on one screen, and --version the version', async () => {
  const { stdout, code } = await runCommand(['--help']);
  assert.equal(code, 0);
  assert.match(stdout, /^Run:\n {2}serve +Run the whole cache in one process\n/m);
  assert.doesNotMatch(stdout, /^Other:/m);
  const lines = stdout.split('\n');
  assert.ok(lines.length <= 66, `${lines.length} lines`);
  assert.ok(Math.max(...lines.map((line) => line.length)) <= 90);
  const version = await runCommand(['--version']);
  assert.equal(version.code, 0);
  assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
});

/** These have no result: nodes run until they are stopped. The others are only groups of commands. */
const withoutJson = new Set(['serve', 'frontend', 'worker', 'admin', 'user', 'token', 'index']);

test('every command has examples and --json', async () => {
  const program = new Command('cistern');
  const terminal = { env: {}, stdout: { write() {}, fd: 1 }, stderr: { write() {} }, stdin: Readable.from([]) };
  addNodes(program, terminal);
  addOtherCommands(program, terminal);
  const walk = ({ commands }: Command, parent: string): [string, Command][] =>
    commands.flatMap((command) => {
      const name = `${parent}${command.name()}`;
      return [[name, command], ...walk(command, `${name} `)] as [string, Command][];
    });
  const all = new Map(walk(program, ''));
  assert.deepEqual([...all.keys()].toSorted(), Object.keys(examples).toSorted());
  for (const [name, command] of all)
    assert.equal(
      command.options.some(({ long }) => long === '--json'),
      !withoutJson.has(name),
      name,
    );
  const help = await runCommand(['help', 'purge']);
  assert.match(help.stdout, /^Examples:\n {2}cistern purge nginx:1\.27/m);
});

test('an unknown command or option fails with an error of one line', async () => {
  const command = await runCommand(['serv']);
  assert.equal(command.code, 1);
  assert.match(command.stderr, /^error: unknown command 'serv'\n\(Did you mean serve\?\)/);
  const option = await runCommand(['serve', '--port', '5000']);
  assert.equal(option.code, 1);
  assert.match(option.stderr, /^error: unknown option '--port'\n/);
});

test('export explains an invalid name of an image without a stack', async (t) => {
  const data = await openDirectory(t);
  const { stderr, code } = await runCommand(['export', 'bad NAME', '--output', join(data, 'x.tar'), '--data', data]);
  assert.equal(code, 1);
  assert.match(stderr, /^cistern: "library\/bad NAME" is not a valid repository name: [^\n]+\n$/);
});

test('check-config prints ok and a summary of a registry:2 file, and warns of settings without effect', async (t) => {
  const file = join(await openDirectory(t), 'config.yml');
  await writeFile(
    file,
    `version: 0.1
http: { addr: ":5000", secret: x }
storage: { filesystem: { rootdirectory: /var/lib/registry } }
proxy: { remoteurl: https://registry-1.docker.io, username: alice, password: hunter2 }
`,
  );
  const { stdout, stderr, code } = await runCommand(['check-config', file]);
  assert.equal(code, 0);
  assert.match(stdout, /^ok\n/);
  assert.match(stdout, /registry +:5000\n/);
  assert.match(stdout, /data +\/var\/lib\/registry\n/);
  assert.match(stdout, /docker\.io {2}https:\/\/registry-1\.docker\.io as alice {2}\(default\)/);
  assert.match(stderr, /^warning: http\.secret: /);
  assert.doesNotMatch(stdout + stderr, /hunter2/);
});

test('check-config warns of a claim pattern that also matches names of others', async (t) => {
  const file = join(await openDirectory(t), 'jobs.yml');
  const rules = '[{ when: { namespace_path: "acme*" }, pull: ["**"] }]';
  await writeFile(file, `auth: { oidc: { gitlab: { issuer: "https://a.test", audience: b, rules: ${rules} } } }\n`);
  const { stderr, code } = await runCommand(['check-config', file]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^warning: auth\.oidc\.gitlab\.rules\[0\]\.when\.namespace_path: .*Write "acme\/\*"/m);
});

const cluster = `redis: { addrs: ["redis-1:6379", "redis-2:6379"], username: cistern, password: hunter2 }
cluster: { secret: hunter2-hunter2-hunter2 }
storage:
  s3: { bucket: cistern, regionendpoint: "http://minio:9000", accesskey: a, secretkey: hunter2 }
  redirect: { disable: false, endpoint: "https://s3.example.com" }
worker: { advertise: "http://worker-1:5002" }
`;

test('check-config shows the settings of a cluster, and none of its secrets', async (t) => {
  const file = join(await openDirectory(t), 'cluster.yml');
  await writeFile(file, cluster);
  const { stdout, stderr, code } = await runCommand(['check-config', file]);
  assert.equal(code, 0, stderr);
  for (const line of [
    /^ {2}data +bucket cistern at http:\/\/minio:9000$/m,
    /^ {2}blobs +clients are redirected to https:\/\/s3\.example\.com$/m,
    /^ {2}index, jobs +Redis Cluster at redis-1:6379, redis-2:6379 as cistern, keys cistern:\*$/m,
    /^ {2}workers +:5002, advertised as http:\/\/worker-1:5002$/m,
    /^ {2}admin +:5003$/m,
  ])
    assert.match(stdout, line);
  assert.doesNotMatch(stdout + stderr, /hunter2/);
});

const commands: readonly [given: readonly string[], expected: readonly string[]][] = [
  [
    ['registry', 'serve', '/root/config.yml'],
    ['serve', '/root/config.yml'],
  ],
  [
    ['/bin/registry', 'serve', '/etc/docker/registry/config.yml'],
    ['serve', '/etc/docker/registry/config.yml'],
  ],
  [['registry', '--version'], ['--version']],
  [['/etc/docker/registry/config.yml'], ['serve', '/etc/docker/registry/config.yml']],
  [['config.yaml'], ['serve', 'config.yaml']],
  [
    ['serve', '/root/config.yml'],
    ['serve', '/root/config.yml'],
  ],
  [
    ['doctor', 'http://cache.example'],
    ['doctor', 'http://cache.example'],
  ],
  [['--help'], ['--help']],
  [[], []],
];

for (const [given, expected] of commands)
  test(`"${given.join(' ')}" means "${expected.join(' ')}"`, () => {
    assert.deepEqual(translateRegistryCommand(given), expected);
  });
