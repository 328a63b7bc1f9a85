// Runs test files with `node --test`: first those on virtual time, then the others. Collects the failures.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { runNode } from '../../services/cli/launch/pinned-node.mjs';
import { batchFiles } from './batch-files.mjs';
import { isVirtual } from './find-test-files.mjs';

const virtualTime = ['--import', './test/simulation/src/virtual-time.ts'];

/**
 * Runs `files`, paths relative to `root`, on the Node binary `node`. `options` are for `node --test`. Resolves to
 * `exitCode`, the numbers of tests, and the failures. Never rejects because of a failed test.
 */
export async function runSuite({ root, node, files, options, concurrency, timeoutMs, environment }) {
  const directory = mkdtempSync(join(tmpdir(), 'cistern-tests-'));
  const virtual = files.filter((file) => isVirtual(root, file));
  const real = files.filter((file) => !virtual.includes(file));
  const total = { exitCode: 0, tests: 0, passed: 0, skipped: 0, failures: [], empty: [], processes: 0 };
  try {
    const batches = batchFiles(root, virtual, directory);
    for (const [mode, chosen] of [
      [virtualTime, [...batches.keys()]],
      [[], real],
    ]) {
      if (chosen.length === 0) continue;
      const results = join(directory, 'results');
      const args = [
        ...mode,
        '--test',
        '--test-reporter=spec',
        '--test-reporter-destination=stdout',
        '--test-reporter=./test/run/report-results.mjs',
        `--test-reporter-destination=${results}`,
        // Tests wait for servers half of their time.
        `--test-concurrency=${concurrency ?? availableParallelism() + 1}`,
        `--test-timeout=${timeoutMs ?? 5 * 60_000}`,
        ...options,
      ];
      const exitCode = await runNode(node, [...args, ...chosen], { cwd: root, env: environment });
      total.exitCode ||= exitCode;
      total.processes += chosen.length;
      addResults(total, readFileSync(results, 'utf8'), batches);
      // A signal ended the run.
      if (exitCode > 128) break;
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
  return withoutEmptyFiles(total, options);
}

/** A file without a test counts as failed. If the options select tests, one file with a test is enough. */
function withoutEmptyFiles({ empty, processes, ...total }, options) {
  const isChosen = options.some((option) => /^--test-(?:name|skip|only)/.test(option));
  const faults = isChosen && empty.length < processes ? [] : empty;
  total.tests -= empty.length;
  total.passed -= empty.length;
  if (faults.length === 0) return total;
  process.stderr.write(`No test ran in ${faults.join(', ')}.\n`);
  const failures = faults.map((file) => ({ file, name: undefined }));
  return { ...total, exitCode: total.exitCode || 1, failures: [...total.failures, ...failures] };
}

function addResults(total, lines, batches) {
  for (const line of lines.split('\n').filter((text) => text !== '')) {
    const { failure, empty, counts } = JSON.parse(line);
    // A whole batch fails when one of its files cannot be loaded or ends the process.
    if (failure !== undefined)
      for (const file of batches.get(resolve(failure.file)) ?? [failure.file])
        total.failures.push({ ...failure, file });
    if (empty !== undefined) total.empty.push(empty);
    if (counts === undefined) continue;
    total.tests += counts.tests;
    total.passed += counts.passed;
    total.skipped += counts.skipped;
  }
}
