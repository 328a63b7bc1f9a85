// Writes the generated pages, or compares them with the code (`--check`). Runs on the pinned Node, for it imports the sources.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describeConfig } from '../../libs/config/src/reference.ts';
import { describeMetrics } from '../../libs/telemetry/src/metrics/describe-metrics.ts';
import { describeDecisions } from './describe-decisions.mjs';

const docs = fileURLToPath(new URL('../../docs/', import.meta.url));
const decisions = readdirSync(`${docs}decisions`)
  .filter((file) => /^\d{4}-.*\.md$/.test(file))
  .toSorted()
  .map((file) => ({ file, text: readFileSync(`${docs}decisions/${file}`, 'utf8') }));
const pages = {
  'configuration.md': describeConfig(),
  'metrics.md': await describeMetrics(),
  'decisions/README.md': describeDecisions(decisions),
};

const isCheck = process.argv.includes('--check');
for (const [path, text] of Object.entries(pages)) {
  if (readFileSync(docs + path, 'utf8') === text) continue;
  if (isCheck) {
    process.stderr.write(`✖ docs/${path} is out of date: npm run docs\n`);
    process.exitCode = 1;
  } else {
    writeFileSync(docs + path, text);
    process.stdout.write(`docs/${path} written\n`);
  }
}
