// The npm registry has no package `cistern` of ours, so its owner could run code on our readers' machines. Our
// documentation and output must never make npm download it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { globSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { openDirectory } from '@cistern/single-node/open-stage';
import { root } from '../src/docs/read-page.ts';

const read = ['*.md', 'docs/**/*.md', 'infra/**/*.*', 'test/clients/*.md', 'docker-compose.yml', 'package.json'];
const printed = ['{services,libs}/*/src/**/*.{ts,html}', 'services/cli/launch/*.mjs'];
/** npm's ways to run or install a package by its name, except for ours. */
const fromRegistry =
  /\bnpx (?!--no-install cistern\b)[-@\w].*|\b(?:npm (?:exec|x)|pnpx|pnpm dlx|yarn dlx|bunx)\b.*|\bnpm (?:i|install|add)\b.* @?cistern\b.*/g;

test('every npx command for cistern prevents an installation', () => {
  const files = globSync([...read, ...printed], { cwd: root, exclude: (path) => path === 'node_modules' });
  const texts = files.map((file) => ({ file, text: readFileSync(join(root, file), 'utf8') }));
  const wrong = texts.flatMap(({ file, text }) => (text.match(fromRegistry) ?? []).map((use) => `${file}: ${use}`));
  assert.deepEqual(wrong, []);
  assert.ok(texts.some(({ text }) => text.includes('npx --no-install cistern')));
});

/** All requests of npm to the registry. */
const requests: string[] = [];
const registry = createServer((request, answer) => {
  requests.push(request.url ?? '');
  const { port } = registry.address() as AddressInfo;
  const tarball = `http://127.0.0.1:${port}/cistern.tgz`;
  const taken = { name: 'cistern', version: '9.9.9', bin: { cistern: 'taken.js' }, dist: { tarball } };
  const versions = { '9.9.9': taken };
  answer.end(JSON.stringify({ name: 'cistern', 'dist-tags': { latest: '9.9.9' }, versions }));
});
await once(registry.listen(0, '127.0.0.1'), 'listening');
after(() => registry.close());
beforeEach(() => void (requests.length = 0));

const { version } = JSON.parse(readFileSync(join(root, 'services/cli/package.json'), 'utf8')) as { version: string };
const home = await openDirectory({ after });

/** Runs a command with a registry in which the name is taken. */
function run(command: string, args: readonly string[], cwd: string) {
  const { port } = registry.address() as AddressInfo;
  const env = {
    PATH: process.env['PATH'],
    HOME: home,
    npm_config_registry: `http://127.0.0.1:${port}/`,
    npm_config_cache: join(home, 'cache'),
    npm_config_prefix: join(home, 'prefix'),
    npm_config_update_notifier: 'false',
  };
  return new Promise<{ readonly code: number | null; readonly output: string }>((resolve) => {
    const child = execFile(command, args, { cwd, env, timeout: 120_000 }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode, output: stdout + stderr }),
    );
  });
}

test('outside a clone npx fails, and downloads no code', async () => {
  const { code, output } = await run('npx', ['--no-install', 'cistern', '--version'], home);
  assert.equal(code, 1, output);
  assert.match(output, /npx canceled/);
  assert.deepEqual(
    requests.filter((url) => url.endsWith('.tgz')),
    [],
  );
});

for (const directory of ['.', 'docs'])
  test(`in ${directory} of a clone npx runs the clone's command without the registry`, async () => {
    const { code, output } = await run('npx', ['--no-install', 'cistern', '--version'], join(root, directory));
    assert.deepEqual({ code, output, requests }, { code: 0, output: `${version}\n`, requests: [] });
  });

test('the command can be installed from a clone without the registry', async () => {
  const { code, output } = await run('npm', ['install', '--global', './services/cli'], root);
  assert.equal(code, 0, output);
  const installed = await run(join(home, 'prefix', 'bin', 'cistern'), ['--version'], home);
  assert.deepEqual({ ...installed, requests }, { code: 0, output: `${version}\n`, requests: [] });
});
