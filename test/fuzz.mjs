// `npm run fuzz -- [cases]` runs every property test with that many cases each (default 50,000), instead of the hundred
// of `npm test`. It prints the number of cases. A failure prints the seed that reproduces it.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(fileURLToPath(import.meta.url), '../..');
const [cases = '50000', ...suites] = process.argv.slice(2);
if (!/^[1-9]\d*$/.test(cases)) {
  process.stderr.write('usage: npm run fuzz -- [cases per property] [paths]\n');
  process.exit(2);
}

const directory = mkdtempSync(join(tmpdir(), 'cistern-fuzz-'));
const counts = join(directory, 'counts');
writeFileSync(counts, '');
try {
  const run = [
    join(root, 'test/run.mjs'),
    '--properties',
    '--test-timeout=1800000',
    `--import=${join(root, 'test/count-cases.mjs')}`,
  ];
  const env = { ...process.env, FUZZ_CASES: cases, FUZZ_COUNTS: counts };
  process.exitCode = spawnSync(process.execPath, [...run, ...suites], { cwd: root, env, stdio: 'inherit' }).status ?? 1;
  const total = readFileSync(counts, 'utf8')
    .split('\n')
    .reduce((sum, line) => sum + Number(line), 0);
  process.stdout.write(`${total.toLocaleString('en')} cases\n`);
} finally {
  rmSync(directory, { recursive: true });
}
