// real-time: the launcher starts processes
// Tests the launcher. Each test copies it into a temporary project with a fake command line.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';

const platformPackage = process.platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node';
const nodePackage = `${platformPackage}-${process.platform}-${process.arch}`;

function openProject(t: TestContext, main = 'process.stdout.write(`args ${process.argv.slice(2)}\\n`);') {
  const root = mkdtempSync(join(tmpdir(), 'cistern-launch-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const write = (path: string, content: unknown) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), typeof content === 'string' ? content : JSON.stringify(content));
  };
  const read = (path: string) => JSON.parse(readFileSync(join(root, path), 'utf8'));
  cpSync(import.meta.dirname, join(root, 'services/cli/launch'), { recursive: true });
  write('services/cli/src/main.ts', main);
  write('services/cli/package.json', { name: 'cli', version: '1.0.0', type: 'module' });
  write('package.json', { name: 'project', version: '1.0.0', workspaces: ['services/*'] });
  write('package-lock.json', {
    name: 'project',
    version: '1.0.0',
    lockfileVersion: 3,
    requires: true,
    packages: {
      '': { name: 'project', version: '1.0.0', workspaces: ['services/*'] },
      'node_modules/cli': { resolved: 'services/cli', link: true },
      'services/cli': { name: 'cli', version: '1.0.0' },
    },
  });
  const launcher = join(root, 'services/cli/launch/cistern.mjs');
  const run = (args: readonly string[] = [], nodeOptions: readonly string[] = []) =>
    spawnSync(process.execPath, [...nodeOptions, launcher, ...args], {
      encoding: 'utf8',
      env: { ...process.env, PATH: `${join(root, 'bin')}:${process.env['PATH']}` },
    });
  return { root, launcher, write, read, run };
}

/**
 * Opens a project whose packages are all installed, according to the file that npm writes. A fake `npm ci` only writes
 * this file again, because the real `npm ci` takes a second.
 */
function openInstalledProject(t: TestContext) {
  const project = openProject(t);
  const { packages, ...lock } = project.read('package-lock.json');
  const { '': _, ...installed } = packages;
  for (const path of ['noted.json', 'node_modules/.package-lock.json'])
    project.write(path, { ...lock, packages: installed });
  project.write('bin/npm', `#!/bin/sh\n[ "$1" = ci ] && cp noted.json node_modules/.package-lock.json\n`);
  chmodSync(join(project.root, 'bin/npm'), 0o755);
  return project;
}

/** Pins a Node that is not the Node of this process, so that the launcher cannot run the command line itself. */
function pinOtherNode({ root, write, read }: ReturnType<typeof openProject>): void {
  write('package.json', { ...read('package.json'), optionalDependencies: { [nodePackage]: '99.0.0' } });
  write(`node_modules/${nodePackage}/package.json`, { name: nodePackage, version: '99.0.0' });
  const binary = `node_modules/${nodePackage}/bin/node`;
  write(binary, `#!/bin/sh\nexec '${process.execPath}' "$@"\n`);
  chmodSync(join(root, binary), 0o755);
  rmSync(join(root, 'package-lock.json'));
}

test('the launcher installs in a fresh clone, reports it in one line and starts; the second time it only starts', (t) => {
  const project = openProject(t);
  const first = project.run(['serve', 'config.yml']);
  assert.equal(first.status, 0, first.stderr);
  assert.equal(first.stdout, 'args serve,config.yml\n');
  assert.match(first.stderr, /^cistern: installing dependencies with "npm ci" \(nothing is installed yet\) …\n/);
  assert.ok(existsSync(join(project.root, 'node_modules/cli')));

  const second = project.run(['serve']);
  assert.equal(second.stdout, 'args serve\n');
  assert.equal(second.stderr, '');
});

test('the launcher accepts an installation that the user made', (t) => {
  const project = openProject(t);
  assert.equal(spawnSync('npm', ['ci'], { cwd: project.root }).status, 0);
  assert.equal(project.run().stderr, '');
});

test('the launcher installs again when a package of the lockfile is missing or has another version', (t) => {
  const project = openInstalledProject(t);
  const installed = project.read('node_modules/.package-lock.json');
  const { 'node_modules/cli': _, ...others } = installed.packages;
  project.write('node_modules/.package-lock.json', { ...installed, packages: others });
  assert.match(project.run().stderr, /\(node_modules\/cli is missing\)/);

  const older = { ...installed.packages, 'services/cli': { name: 'cli', version: '0.9.0' } };
  project.write('node_modules/.package-lock.json', { ...installed, packages: older });
  assert.match(project.run().stderr, /\(services\/cli is 0\.9\.0, package-lock\.json requires 1\.0\.0\)/);
  assert.equal(project.run().stderr, '');
});

test('the launcher starts without optional and without development packages', (t) => {
  const project = openInstalledProject(t);
  const lock = project.read('package-lock.json');
  const more = {
    'node_modules/a': { version: '1.0.0', optional: true },
    'node_modules/b': { version: '1.0.0', dev: true },
  };
  project.write('package-lock.json', { ...lock, packages: { ...lock.packages, ...more } });
  assert.equal(project.run().stderr, '');
});

test('the launcher installs nothing without a lockfile', (t) => {
  const project = openProject(t);
  rmSync(join(project.root, 'package-lock.json'));
  const { stdout, stderr } = project.run(['x']);
  assert.deepEqual([stdout, stderr], ['args x\n', '']);
});

test("the launcher shows npm's errors and stops when npm fails", (t) => {
  const project = openProject(t);
  project.write('package-lock.json', '{"lockfileVersion":3,"packages":{"node_modules/gone":{"version":"1.0.0"}}}');
  const { status, stdout, stderr } = project.run();
  assert.equal(status, 1);
  assert.equal(stdout, '');
  assert.match(stderr, /npm error/);
  assert.match(stderr, /cistern: "npm ci" failed \(exit 1\); see above\.\n$/);
});

test('the launcher runs on the pinned Node and ends with its exit code', (t) => {
  const project = openProject(t, 'process.stdout.write(process.env.NODE_COMPILE_CACHE); process.exitCode = 7;');
  pinOtherNode(project);
  const { status, stdout, stderr } = project.run();
  assert.equal(stderr, '');
  assert.equal(status, 7);
  assert.equal(stdout, join(project.root, 'node_modules/.cache/cistern'));
});

/** Simulates Node 20, in which a process cannot become another program. So the launcher starts a child. */
const withoutExecve = ['--import', 'data:text/javascript,delete process.execve'];

for (const [signal, code] of [
  ['SIGTERM', 5],
  ['SIGINT', 5],
  ['SIGHUP', 5],
  ['SIGKILL', 137],
] as const)
  for (const asChild of [true, false])
    test(`${signal} reaches the pinned Node ${asChild ? 'as a child' : 'in place'}, and its exit is reported`, async (t) => {
      const project = openProject(
        t,
        `for (const s of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(s, () => process.exit(5));
      process.stdout.write('up'); setInterval(() => {}, 1000);
      process.stdin.on('data', () => process.kill(process.pid, 'SIGKILL'));`,
      );
      pinOtherNode(project);
      const options = asChild ? withoutExecve : [];
      const child = spawn(process.execPath, [...options, project.launcher], { stdio: ['pipe', 'pipe', 'inherit'] });
      child.stdout.once('data', () => (signal === 'SIGKILL' ? child.stdin.write('die') : child.kill(signal)));
      const ended = await new Promise((resolve) => child.once('exit', (...how) => resolve(how)));
      assert.deepEqual(ended, signal === 'SIGKILL' && !asChild ? [null, 'SIGKILL'] : [code, null]);
    });

test('a launcher that is killed shuts the pinned Node down gracefully', async (t) => {
  const project = openProject(
    t,
    `import { writeFileSync } from 'node:fs';
    process.on('SIGTERM', () => { writeFileSync(process.argv[2], 'closed'); process.exit(); });
    process.stdout.write(String(process.pid)); setInterval(() => {}, 1000);`,
  );
  pinOtherNode(project);
  const note = join(project.root, 'note');
  const launcher = spawn(process.execPath, [...withoutExecve, project.launcher, note], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(launcher.stdout, 'end');
  const [pid] = (await once(launcher.stdout, 'data')) as [Buffer];
  t.after(() => existsSync(note) || process.kill(Number(pid), 'SIGKILL'));
  assert.ok(!existsSync(note));
  launcher.stdout.resume();
  launcher.kill('SIGKILL');
  // The launcher and the pinned Node share this standard output, so it ends only when both have ended.
  await ended;
  assert.equal(readFileSync(note, 'utf8'), 'closed');
});

test('a finished command does not wait for its launcher', (t) => {
  const project = openProject(t, 'process.stdout.write(String(process.connected));');
  pinOtherNode(project);
  const { status, stdout, stderr } = project.run([], withoutExecve);
  assert.deepEqual([status, stdout, stderr], [0, 'true', '']);
});

test('the launcher explains the fix when the pinned Node lacks a library', (t) => {
  const project = openProject(t);
  pinOtherNode(project);
  project.write(`node_modules/${nodePackage}/bin/node`, '#!/bin/sh\nexit 127\n');
  const { status, stderr } = project.run([], withoutExecve);
  assert.equal(status, 1);
  assert.match(stderr, /^cistern: the prebuilt Node did not start, .*"apt-get install libatomic1"/);
});

test('the launcher explains the fix when no Node is new enough', (t) => {
  const project = openInstalledProject(t);
  const older = `data:text/javascript,Object.defineProperty(process,'versions',{value:{node:'20.1.0'}})`;
  const without = project.run([], ['--import', older]);
  assert.equal(without.status, 1);
  assert.match(
    without.stderr,
    /^cistern: Cistern needs Node 26 or later, and this is 20\.1\.0\. Its packages include no prebuilt Node/,
  );
  project.write('package.json', {
    ...project.read('package.json'),
    optionalDependencies: { [nodePackage]: '26.10.0' },
  });
  assert.match(project.run([], ['--import', older]).stderr, /is not installed\. Run "npm ci"/);
});
