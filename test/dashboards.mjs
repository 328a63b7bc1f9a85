// `npm run dashboards` draws the dashboards of infra/grafana with Grafana's own components, in a headless browser. Any
// Node can start it, so it imports only `node:`.
//   npm run dashboards                                     the pictures of docs/dashboards, in 15 minutes
//   npm run dashboards -- --prometheus http://localhost:9090 --minutes 60 --output /tmp/pictures   a cache that runs
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { install } from '../services/cli/launch/install.mjs';
import { findNode, runNode } from '../services/cli/launch/pinned-node.mjs';

const root = resolve(fileURLToPath(import.meta.url), '../..');
try {
  install(root, { dev: true });
  const main = resolve(root, 'test/monitoring/src/pictures/main.ts');
  process.exitCode = await runNode(findNode(root), [main, ...process.argv.slice(2)], { cwd: root, env: process.env });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
