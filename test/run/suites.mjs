// Lists the suites in the order in which they run, cheap ones first. CONTRIBUTING.md describes them.

import { availableParallelism } from 'node:os';

const minute = 60_000;
const processors = availableParallelism();

/**
 * `group` names the command that runs the suite besides `npm test -- NAME`: `npm test` (`default`), `npm test -- ci` or
 * `npm test -- all`. `paths` are files and folders of tests, except for those in `without`. `concurrency` is the number
 * of test files at a time, `timeoutMs` the limit of one test, and `environment` has variables for the tests.
 */
export const suites = [
  { name: 'checks', group: 'default' },
  {
    name: 'unit',
    group: 'default',
    paths: [
      '.ci',
      'infra/monitoring',
      'infra/release',
      'libs',
      'services',
      'test/bench',
      'test/cluster/src',
      'test/fake-upstream',
      'test/mutants',
      'test/run',
      'test/simulation',
      'test/simulations',
    ],
    without: ['test/simulation/src/explore'],
  },
  { name: 'simulation', group: 'default', paths: ['test/simulation/src/explore'] },
  // These tests wait for servers most of their time.
  {
    name: 'contract',
    group: 'default',
    paths: ['test/adapters'],
    without: ['test/adapters/many'],
    concurrency: 4 * processors,
  },
  { name: 'smoke', group: 'default', paths: ['test/clients/smoke'] },

  {
    name: 'seeds',
    group: 'ci',
    paths: ['test/simulation/src/explore/explore.test.ts'],
    environment: { SIM_SECONDS: '60' },
  },
  {
    name: 'wire',
    group: 'ci',
    paths: ['test/servers', 'test/single-node', 'test/rights', 'test/product/docs'],
    concurrency: 2 * processors,
  },
  // These tests start many processes each, so one file runs at a time.
  { name: 'cluster', group: 'ci', paths: ['test/cluster/scenarios'], concurrency: 1 },
  { name: 'compose', group: 'ci', paths: ['test/product/compose'], concurrency: 1, timeoutMs: 30 * minute },
  { name: 'install', group: 'ci', paths: ['test/product/install'], concurrency: 1, timeoutMs: 30 * minute },

  ...[
    { name: 'clients', paths: ['test/clients'], without: ['test/clients/smoke'] },
    { name: 'long', paths: ['test/cluster/long', 'test/adapters/many'] },
    // The limit covers 100 GB on two processors, with a reserve of one half.
    { name: 'big', paths: ['test/cluster/big'], timeoutMs: 300 * minute },
    { name: 'console', paths: ['test/product/console'] },
    { name: 'monitoring', paths: ['test/monitoring'] },
    { name: 'herds', paths: ['test/herds'] },
    { name: 'hostile-clients', paths: ['test/hostile-clients'] },
  ].map((suite) => ({ timeoutMs: 30 * minute, ...suite, group: 'all', concurrency: 1 })),
];
