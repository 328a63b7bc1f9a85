// `npm run simulate -- <name>` runs one of the simulations of test/simulations, which print tables and draw charts. Any
// Node can start it, so it imports only `node:`. All options are optional.
//
// A CI fleet under Docker Hub's pull limit:
//   npm run simulate -- budget --seed 2 --hours 24 --images 150 --pulls 50 --limit 100 --ttl 60 --out budget.svg
//
// The savings of prewarming, and the best eviction policy:
//   npm run simulate -- replay --seed 2 --tags 5000 --pulls 200000 --days 14 --top 500 --out replay.svg
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { install } from '../services/cli/launch/install.mjs';
import { findNode, runNode } from '../services/cli/launch/pinned-node.mjs';

const root = resolve(fileURLToPath(import.meta.url), '../..');
const [name = '', ...args] = process.argv.slice(2);
try {
  install(root, { dev: true });
  const main = resolve(root, 'test/simulations/src', name, 'main.ts');
  process.exitCode = await runNode(findNode(root), [main, ...args], { cwd: root, env: process.env });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
