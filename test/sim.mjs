// `npm run sim` runs a simulated cluster under random schedules of faults; `--help` lists the options. Any Node can
// start it, so it imports only `node:`.
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { install } from '../services/cli/launch/install.mjs';
import { findNode, runNode } from '../services/cli/launch/pinned-node.mjs';

const root = resolve(fileURLToPath(import.meta.url), '../..');
// A run creates many short-lived buffers: a large young generation collects them a sixth faster. Most functions run too
// seldom to be optimised, so compiling each of them immediately saves a twelfth.
const flags = ['--min-semi-space-size=64', '--max-semi-space-size=128', '--always-sparkplug'];
try {
  install(root, { dev: true });
  const main = resolve(root, 'test/simulation/src/explore/main.ts');
  process.exitCode = await runNode(findNode(root), [...flags, main, ...process.argv.slice(2)], {
    cwd: root,
    env: process.env,
  });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
