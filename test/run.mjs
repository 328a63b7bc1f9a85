// `npm test` and `npm run test:long`: installs what is missing, checks the sources, then runs the tests by `node --test` of
// the pinned Node: first those that run on virtual time and in a simulated network, then the others. Started by whatever
// Node is at hand, so it imports nothing but `node:`.
//   npm test                       checks, then the short suites
//   npm run test:long              checks, then the clients' full matrix, the compose file, the herds, hostile clients,
//                                  the monitoring, and what a cluster must bear
//   npm test -- unit               only the tests of units; no checks
//   npm test -- libs/oci           only the test files below a path (or one file); no checks
//   … --properties               only property tests, of the short suites
//   npm test -- --test-name-pattern=range    options go to `node --test`
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { install } from '../services/cli/launch/install.mjs';
import { findNode, runNode } from '../services/cli/launch/pinned-node.mjs';
import { findTestFiles, isVirtual } from './run/find-test-files.mjs';

const root = resolve(fileURLToPath(import.meta.url), '../..');

const unit = ['.ci', 'libs', 'services', 'test/fake-upstream', 'test/simulation'];
const shortSuites = [
  ...unit,
  'test/services',
  'test/bench',
  'test/adapters',
  'test/end-to-end',
  'test/clients/smoke',
  'test/herds/smoke',
  'test/simulations',
  'test/cluster/short',
];
const longSuites = [
  'test/clients',
  'test/compose',
  'test/console',
  'test/herds',
  'test/cluster/long',
  'test/hostile-clients',
  'test/monitoring',
  'test/docs',
];

const args = process.argv.slice(2);
const long = args.includes('--long');
const propertiesOnly = args.includes('--properties');
const nodeOptions = args.filter((arg) => arg.startsWith('-') && arg !== '--long' && arg !== '--properties');
const selection = args.filter((arg) => !arg.startsWith('-')).flatMap((arg) => (arg === 'unit' ? unit : [arg]));

const environment = { ...process.env };
// Set when this very script is started by a test: the tests below are not that test's.
delete environment.NODE_TEST_CONTEXT;
// Every test file is a process that loads hundreds of sources: they are stripped and compiled once, not each time. Where
// the command has its own.
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
  if (selection.length === 0 && !propertiesOnly) {
    const check = spawnSync('npm', ['run', '--silent', 'check'], { cwd: root, env: environment, stdio: 'inherit' });
    if (check.error !== undefined) throw check.error;
    if (check.status !== 0) return check.status ?? 1;
  }
  const suites = long && !propertiesOnly ? longSuites : shortSuites;
  const found = (selection.length > 0 ? selection : suites).flatMap((path) => findTestFiles(root, path));
  const files = new Set(propertiesOnly ? found.filter((file) => file.endsWith('.property.test.ts')) : found);
  if (files.size === 0) throw new Error(`no test file (*.test.ts) below ${selection.join(', ') || 'any suite'}`);
  const options = [
    '--test',
    '--test-reporter=spec',
    // The long suites measure and start daemons: one file at a time keeps their figures and deadlines honest. The short
    // ones wait for servers half of their time.
    `--test-concurrency=${long ? 1 : availableParallelism() + 1}`,
    `--test-timeout=${(long ? 30 : 5) * 60_000}`,
    ...nodeOptions,
  ];
  const virtual = [...files].filter((file) => isVirtual(root, file));
  const real = [...files].filter((file) => !virtual.includes(file));
  const virtualTime = ['--import', './test/simulation/src/virtual-time.ts'];
  let exitCode = 0;
  for (const [mode, chosen] of [
    [virtualTime, virtual],
    [[], real],
  ]) {
    if (chosen.length === 0) continue;
    const ended = await runNode(node, [...mode, ...options, ...chosen], { cwd: root, env: environment });
    exitCode ||= ended;
  }
  return exitCode;
}
