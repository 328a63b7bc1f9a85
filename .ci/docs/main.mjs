// Writes the generated pages, or compares them with the code (`--check`). It imports the sources, so it runs on the pinned Node.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describeRuleFiles } from '../../infra/monitoring/src/index.ts';
import { describeConfig } from '../../libs/config/src/reference.ts';
import { describeMetrics } from '../../libs/telemetry/src/metrics/describe-metrics.ts';
import { describeProblems } from '../../libs/operations/src/problems/describe-problems.ts';
import { describeDecisions } from './describe-decisions.mjs';
import { describeLog } from './logs/describe-log.mjs';
import { findMessages } from './logs/find-messages.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const docs = `${root}docs/`;
const decisions = readdirSync(`${docs}decisions`)
  .filter((file) => /^\d{4}-.*\.md$/.test(file))
  .toSorted()
  .map((file) => ({ file, text: readFileSync(`${docs}decisions/${file}`, 'utf8') }));
const isOfProduct = (path) =>
  /^(?:libs|services)\//.test(path.slice(root.length)) &&
  !/\.test\.ts$|\.d\.ts$|\/(?:testing|conformance|node_modules)\//.test(path);
const messages = findMessages(`${root}tsconfig.json`, isOfProduct).map((message) => ({
  ...message,
  path: message.path.slice(root.length),
}));
const generatedFiles = (folder, files) =>
  Object.fromEntries(Object.entries(files).map(([name, text]) => [`../infra/${folder}/${name}`, text]));
const pages = {
  'configuration.md': describeConfig(),
  'logs.md': describeLog(messages),
  'metrics.md': await describeMetrics(),
  'problems.md': describeProblems(),
  'decisions/README.md': describeDecisions(decisions),
  ...generatedFiles('prometheus/rules', describeRuleFiles()),
};

const isCheck = process.argv.includes('--check');
for (const [path, text] of Object.entries(pages)) {
  if (existsSync(docs + path) && readFileSync(docs + path, 'utf8') === text) continue;
  if (isCheck) {
    process.stderr.write(`✖ docs/${path} is out of date. Run "npm run docs".\n`);
    process.exitCode = 1;
  } else {
    writeFileSync(docs + path, text);
    process.stdout.write(`wrote docs/${path}\n`);
  }
}
