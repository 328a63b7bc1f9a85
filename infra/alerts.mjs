// `npm run --silent alerts -- [options]` prints the rules for another Prometheus: with its job names, your address of the
// console and your runbook. docs/dashboards.md has the options. Any Node can start it, so it imports only `node:`.
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { install } from '../services/cli/launch/install.mjs';
import { findNode, runNode } from '../services/cli/launch/pinned-node.mjs';

const root = resolve(fileURLToPath(import.meta.url), '../..');
try {
  install(root, { dev: true });
  const main = resolve(root, 'infra/monitoring/src/main.ts');
  process.exitCode = await runNode(findNode(root), [main, ...process.argv.slice(2)], { cwd: root });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
