// `npm run sim`: a simulated cluster under random schedules of faults; `--help` has the options. Started by whatever Node is
// at hand, so it imports nothing but `node:`.
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { install } from '../services/cli/launch/install.mjs';
import { findNode, runNode } from '../services/cli/launch/pinned-node.mjs';

const root = resolve(fileURLToPath(import.meta.url), '../..');
// V8's young generation: a run makes many buffers that are garbage soon, and collects them a sixth faster so.
const flags = ['--min-semi-space-size=64', '--max-semi-space-size=128'];
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
