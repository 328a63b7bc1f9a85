// Writes the generated pages, rules and dashboards, or compares them with the code (`--check`). It imports the sources, so it runs on the pinned Node.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describeDashboards, describeRuleFiles } from '../../infra/monitoring/src/index.ts';
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
const within = (folder, files) =>
  Object.fromEntries(Object.entries(files).map(([name, text]) => [`${folder}/${name}`, text]));
const pages = {
  'docs/configuration.md': describeConfig(),
  'docs/logs.md': describeLog(messages),
  'docs/metrics.md': await describeMetrics(),
  'docs/problems.md': describeProblems(),
  'docs/decisions/README.md': describeDecisions(decisions),
  ...within('infra/prometheus/rules', describeRuleFiles()),
  ...within('infra/grafana/dashboards', describeDashboards()),
};

const isCheck = process.argv.includes('--check');
for (const [path, text] of Object.entries(pages)) {
  if (existsSync(root + path) && readFileSync(root + path, 'utf8') === text) continue;
  if (isCheck) {
    process.stderr.write(`✖ ${path} is out of date. Run "npm run docs".\n`);
    process.exitCode = 1;
  } else {
    writeFileSync(root + path, text);
    process.stdout.write(`wrote ${path}\n`);
  }
}
