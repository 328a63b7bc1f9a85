// `npm run simulate:budget`: a day of a CI fleet before Docker Hub's limit on pulls, on a clock of its own. Prints a table
// and draws a picture. Started by whatever Node is at hand, so it imports nothing but `node:`.
//   npm run simulate:budget
//   npm run simulate:budget -- --seed 2 --hours 24 --images 150 --pulls 50 --limit 100 --ttl 60 --out budget.svg
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { install } from '../services/cli/launch/install.mjs';
import { findNode, runNode } from '../services/cli/launch/pinned-node.mjs';

const root = resolve(fileURLToPath(import.meta.url), '../..');
try {
  install(root, { dev: true });
  const main = resolve(root, 'test/simulations/src/main.ts');
  process.exitCode = await runNode(findNode(root), [main, ...process.argv.slice(2)], { cwd: root, env: process.env });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
