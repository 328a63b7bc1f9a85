// `npm run check:language`: the English of comments, strings and Markdown against the rules. Prints each fault with a
// suggestion, then how often comments use the words with a limit. `-- <path>` reads a file or folder only.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { findFaults, readProse } from './find-faults.mjs';
import { measureRates } from './rates.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const skipped = new Set(['node_modules', 'dist', 'vendor', '.git', '.turbo']);

const [prefix = ''] = process.argv.slice(2);
const files = filesIn('')
  .filter((path) => path.startsWith(prefix))
  .map((path) => ({ path, source: readFileSync(root + path, 'utf8') }));

for (const { path, source } of files)
  for (const { rule, line, text, write } of findFaults(path, source))
    fail(`${path}:${line}: ${rule}: "${text}". Write: ${write}.`);

const comments = files.flatMap(({ path, source }) => readProse(path, source).filter(({ kind }) => kind === 'comment'));
for (const { word, rate, most } of measureRates(comments.map(({ text }) => text))) {
  const line = `${word}: ${rate.toFixed(2)} per 1,000 words of comments, at most ${most}`;
  if (rate > most) fail(`✖ ${line}. Write a noun instead.`);
  else process.stdout.write(`${line}\n`);
}

function fail(line) {
  process.stderr.write(`${line}\n`);
  process.exitCode = 1;
}

function filesIn(folder) {
  return readdirSync(root + folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) return skipped.has(entry.name) ? [] : filesIn(`${folder}${entry.name}/`);
    return /\.(?:ts|mjs|js|md)$/.test(entry.name) ? [`${folder}${entry.name}`] : [];
  });
}
