// `npm test` installs missing dependencies, then runs suites in order until one fails. Any Node can start it, so it
// imports only `node:`.
//   npm test                       checks, unit, simulation, contract, smoke: each change must pass these
//   npm test -- ci                 the further suites of continuous integration: more seeds, wire, cluster, compose, install
//   npm test -- all                everything else: the full matrix of clients, long outages, herds, floods
//   npm test -- contract wire      suites by name; test/run/suites.mjs lists them
//   npm test -- libs/oci           the test files below a path, or one file
//   npm test -- mutants            plants small bugs and reports which ones the tests notice
//   … --properties                 only property tests
//   … --size=8GiB                  the size of the blobs in the suite `big`
//   … --test-name-pattern=range    options go to `node --test`
import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { install } from '../services/cli/launch/install.mjs';
import { findNode, runNode } from '../services/cli/launch/pinned-node.mjs';
import { findTestFiles } from './run/find-test-files.mjs';
import { describeSuites } from './run/describe-suites.mjs';
import { runSuite } from './run/run-suite.mjs';
import { suites } from './run/suites.mjs';

const root = resolve(fileURLToPath(import.meta.url), '../..');
const args = process.argv.slice(2);
const propertiesOnly = args.includes('--properties');
const sizeOption = '--size=';
const size = args.find((arg) => arg.startsWith(sizeOption))?.slice(sizeOption.length);
const options = args.filter((arg) => arg.startsWith('-') && arg !== '--properties' && !arg.startsWith(sizeOption));
const selection = args.filter((arg) => !arg.startsWith('-'));

const environment = { ...process.env };
// A test that starts this script has set it, and the tests below are not that test's.
delete environment.NODE_TEST_CONTEXT;
if (size !== undefined) environment.CISTERN_TEST_SIZE = size;
// Every test file is a process that loads hundreds of sources. The cache lets Node strip and compile them only once. It
// is in the same place as that of the `cistern` command.
environment.NODE_COMPILE_CACHE ??= join(root, 'node_modules', '.cache', 'cistern');

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

async function main() {
  install(root, { dev: true });
  const node = findNode(root);
  if (selection[0] === 'mutants') return runNode(node, ['test/mutants/src/main.ts', ...options], { cwd: root });
  const chosen = chooseSuites().map((suite) => ({ ...suite, files: filesOf(suite) }));
  const done = [];
  for (const suite of chosen) {
    const startedMs = performance.now();
    const result = suite.name === 'checks' ? runChecks() : await runFiles(node, suite);
    done.push({ ...result, name: suite.name, seconds: (performance.now() - startedMs) / 1000 });
    if (result.exitCode !== 0) break;
  }
  const notRun = chosen.slice(done.length).map(({ name }) => name);
  process.stdout.write(describeSuites(done, notRun));
  return done.at(-1)?.exitCode ?? 0;
}

function chooseSuites() {
  for (const path of selectedPaths())
    if (findTestFiles(root, path).length === 0)
      throw new Error(`There is no test file (*.test.ts) below ${path}, and no suite of that name.`);
  if (selection.length === 0) return suites.filter(({ group }) => group === 'default').filter(isSelected);
  const named = suites.filter(({ name, group }) => selection.includes(name) || selection.includes(group));
  const paths = selectedPaths();
  if (paths.length === 0) return named;
  // Tests of a path run with the settings of their suite.
  const { concurrency, timeoutMs } = suites.find((suite) => paths.some((path) => holds(suite, path))) ?? {};
  return [...named, { name: paths.join(' '), paths, concurrency, timeoutMs }];
}

function selectedPaths() {
  const names = new Set(suites.flatMap(({ name, group }) => [name, group]));
  return selection.filter((word) => !names.has(word));
}

function isSelected({ name }) {
  return !(propertiesOnly && name === 'checks');
}

function holds({ paths = [] }, path) {
  return paths.some((folder) => path === folder || path.startsWith(`${folder}/`));
}

function filesOf({ name, paths = [], without = [] }) {
  if (name === 'checks') return [];
  const leftOut = new Set(without.flatMap((path) => findTestFiles(root, path)));
  const files = [...new Set(paths.flatMap((path) => findTestFiles(root, path)))]
    .filter((file) => !leftOut.has(file))
    .filter((file) => !propertiesOnly || file.endsWith('.property.test.ts'));
  if (files.length === 0 && !propertiesOnly)
    throw new Error(`There is no test file (*.test.ts) below ${paths.join(', ')}.`);
  return files;
}

function runChecks() {
  const { status, error } = spawnSync('npm', ['run', '--silent', 'check'], {
    cwd: root,
    env: environment,
    stdio: 'inherit',
  });
  if (error !== undefined) throw error;
  return { exitCode: status ?? 1, tests: 0, passed: 0, skipped: 0, failures: [] };
}

function runFiles(node, { files, concurrency, timeoutMs, environment: own }) {
  return runSuite({ root, node, files, options, concurrency, timeoutMs, environment: { ...environment, ...own } });
}
