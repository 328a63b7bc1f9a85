import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { mkdir, mkdtemp, readlink, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ensureDebianPackages } from '@cistern/test-servers';
import { git } from './git.ts';
import { openCheckout } from './open-checkout.ts';
import { describeWorkTree, resolveCommit } from './resolve-commit.ts';

const launcher = 'services/cli/launch/cistern.mjs';
const print = () => {};
const settings = ['user.name=a', 'user.email=a@b', 'commit.gpgsign=false'].flatMap((one) => ['-c', one]);

/** Creates a repository with one commit and minimal dependencies: a package and a workspace. */
async function openRepository(t: TestContext) {
  await ensureDebianPackages(['git']);
  const repository = await realpath(await mkdtemp(join(tmpdir(), 'cistern-repository-')));
  t.after(() => rm(repository, { recursive: true }));
  const write = async (path: string, text: string) => {
    await mkdir(dirname(join(repository, path)), { recursive: true });
    await writeFile(join(repository, path), text);
  };
  const run = (...args: string[]) => git(repository, ...settings, ...args);
  const commit = async () => {
    await run('add', '.');
    await run('commit', '--quiet', '--message=one');
    return run('rev-parse', 'HEAD');
  };
  await run('init', '--quiet');
  await write('.gitignore', 'node_modules\n');
  await write('package-lock.json', '{"version":1}');
  await write('libs/own/index.mjs', 'committed');
  // The launcher records what it sees at its start.
  await write(
    launcher,
    `import { existsSync, writeFileSync } from 'node:fs';
    writeFileSync('seen', String(existsSync('node_modules/other/index.mjs')));`,
  );
  await write('node_modules/other/index.mjs', 'package');
  await write('node_modules/.bin/own', '');
  await write('node_modules/.cache/cistern/file', '');
  await mkdir(join(repository, 'node_modules/@cistern'));
  await symlink('../../libs/own', join(repository, 'node_modules/@cistern/own'));
  const worktrees = async () => (await run('worktree', 'list')).split('\n').length;
  return { repository, write, run, commit, worktrees };
}

test('a checkout has the commit, its own workspaces and the same packages, and is removed completely', async (t) => {
  const { repository, write, commit, worktrees } = await openRepository(t);
  await commit();
  await write('libs/own/index.mjs', 'changed');
  assert.match(await describeWorkTree(repository), /^[0-9a-f]{4,40} with uncommitted changes$/);
  const { root, close } = await openCheckout({ repository, commit: await resolveCommit(repository, 'HEAD'), print });
  t.after(close);
  assert.equal(await worktrees(), 2);
  assert.equal(readFileSync(join(root, 'node_modules/@cistern/own/index.mjs'), 'utf8'), 'committed');
  assert.equal(realpathSync(join(root, 'node_modules/@cistern/own')), join(root, 'libs/own'));
  assert.equal(await readlink(join(root, 'node_modules/other')), join(repository, 'node_modules/other'));
  assert.deepEqual(readdirSync(join(root, 'node_modules')).toSorted(), ['.bin', '@cistern', 'other']);
  assert.equal(readFileSync(join(root, 'seen'), 'utf8'), 'true', 'the launcher has been started');
  close();
  close();
  assert.equal(existsSync(dirname(root)), false);
  assert.equal(await worktrees(), 1);
  assert.equal(readFileSync(join(repository, 'node_modules/other/index.mjs'), 'utf8'), 'package');
  assert.equal(readFileSync(join(repository, 'libs/own/index.mjs'), 'utf8'), 'changed');
});

test('if a workspace has packages of its own, the launcher installs the dependencies', async (t) => {
  const { repository, write, commit: commitAll } = await openRepository(t);
  const packages = { 'node_modules/other': {}, 'libs/own/node_modules/third': {} };
  await write('package-lock.json', JSON.stringify({ packages }, null, 2).replaceAll('{}', '{\n}'));
  const { root, close } = await openCheckout({ repository, commit: await commitAll(), print });
  t.after(close);
  assert.equal(readFileSync(join(root, 'seen'), 'utf8'), 'false');
});

test('if package-lock.json differs, the launcher installs the dependencies', async (t) => {
  const { repository, write, commit: commitAll } = await openRepository(t);
  const commit = await commitAll();
  await write('package-lock.json', '{"version":2}');
  const { root, close } = await openCheckout({ repository, commit, print });
  t.after(close);
  assert.equal(existsSync(join(root, 'node_modules')), false);
  assert.equal(readFileSync(join(root, 'seen'), 'utf8'), 'false');
});

test('an unknown commit, or one without a launcher, is an error', async (t) => {
  const { repository, run, commit } = await openRepository(t);
  await commit();
  for (const name of ['none', '--help', 'HEAD~1', ''])
    await assert.rejects(resolveCommit(repository, name), { message: /is not a commit of this repository/ });
  await run('rm', '--quiet', launcher);
  await commit();
  assert.match(await resolveCommit(repository, 'HEAD~1'), /^[0-9a-f]{40}$/);
  await assert.rejects(resolveCommit(repository, 'HEAD'), { message: /has no services\/cli\/launch\/cistern\.mjs/ });
  await assert.rejects(resolveCommit(join(repository, '..'), 'HEAD'), { message: /"git ls-files" failed/ });
});

test('a work tree in the middle of a merge is an error', async (t) => {
  const { repository, write, run, commit } = await openRepository(t);
  const base = await commit();
  await write('libs/own/index.mjs', 'one');
  const one = await commit();
  await run('checkout', '--quiet', base);
  await write('libs/own/index.mjs', 'other');
  await commit();
  await assert.rejects(run('merge', one));
  await assert.rejects(resolveCommit(repository, one), { message: /unmerged files/ });
});

test('a commit that does not start is an error with its output, and its checkout is removed', async (t) => {
  const { repository, write, commit: commitAll, worktrees } = await openRepository(t);
  await write(launcher, 'throw new Error("too old")');
  const commit = await commitAll();
  let root = '';
  const opening = openCheckout({ repository, commit, print: (text) => (root ||= text.split(' into ')[1] ?? '') });
  await assert.rejects(opening, { message: /cannot be started \(exit code 1\)[^]*too old/ });
  assert.equal(existsSync(dirname(root)), false);
  assert.equal(await worktrees(), 1);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  test(`a double ${signal} removes the checkout`, async (t) => {
    const { repository, commit: commitAll, worktrees } = await openRepository(t);
    const commit = await commitAll();
    const program = `import { openCheckout } from ${JSON.stringify(import.meta.resolve('./open-checkout.ts'))};
      const options = { repository: ${JSON.stringify(repository)}, commit: '${commit}', print() {} };
      process.stdout.write((await openCheckout(options)).root);
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    const [root] = (await once(child.stdout, 'data')) as [Buffer];
    assert.equal(existsSync(root.toString()), true);
    child.kill(signal);
    child.kill(signal);
    assert.deepEqual(await exited, [signal === 'SIGINT' ? 130 : 143, null]);
    assert.equal(existsSync(dirname(root.toString())), false);
    assert.equal(await worktrees(), 1);
  });
