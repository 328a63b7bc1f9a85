// `npm run check -- language`: the English of comments, strings and Markdown against the rules, as a ratchet. The baseline
// holds how many faults each file may have. `-- --lower` writes the lower counts, `-- <path>` lists all of a
// file or folder, and `-- --totals` counts those of the project by rule.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compareBaseline, countFaults, formatBaseline } from './compare-baseline.mjs';
import { findFaults } from './find-faults.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const baselineFile = fileURLToPath(new URL('../language-baseline.json', import.meta.url));
const skipped = new Set(['node_modules', 'dist', 'vendor', '.git', '.turbo']);

const [option] = process.argv.slice(2);
const faultsOf = new Map(filesIn('').map((path) => [path, findFaults(path, readFileSync(root + path, 'utf8'))]));

if (option === '--totals') printTotals();
else if (option !== undefined && option !== '--lower')
  printFaults(({ path }) => path.startsWith(option), process.stdout);
else check(countFaults(faultsOf));

/** Without a baseline there is nothing to compare with; `--lower` makes the first one. */
function check(counts) {
  const isFirst = !existsSync(baselineFile) && option === '--lower';
  const baseline = isFirst ? counts : JSON.parse(readFileSync(baselineFile, 'utf8'));
  const { above, lowered, isLower } = compareBaseline(counts, baseline);
  const isAbove = (fault) => above.some(({ path, rule }) => path === fault.path && rule === fault.rule);
  printFaults(isAbove, process.stderr);
  for (const { path, rule, found, allowed } of above)
    process.stderr.write(`✖ ${path}: ${rule} ${found} times, the baseline allows ${allowed}\n`);
  if ((isFirst || isLower) && option === '--lower') writeFileSync(baselineFile, formatBaseline(lowered));
  else if (isLower) process.stderr.write('✖ the baseline can be lowered: npm run check -- language --lower\n');
  process.exitCode = above.length > 0 || (isLower && option !== '--lower') ? 1 : 0;
}

function printFaults(isShown, stream) {
  for (const [path, faults] of faultsOf)
    for (const { rule, line, text, write } of faults)
      if (isShown({ path, rule })) stream.write(`${path}:${line}: ${rule}: "${text}". Write: ${write}.\n`);
}

function printTotals() {
  const totals = countFaults(new Map([['all', [...faultsOf.values()].flat()]])).all;
  for (const [rule, number] of Object.entries(totals).sort(([, a], [, b]) => b - a))
    process.stdout.write(`${String(number).padStart(6)} ${rule}\n`);
}

function filesIn(folder) {
  return readdirSync(root + folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) return skipped.has(entry.name) ? [] : filesIn(`${folder}${entry.name}/`);
    return /\.(?:ts|mjs|js|md)$/.test(entry.name) ? [`${folder}${entry.name}`] : [];
  });
}
