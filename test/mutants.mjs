// `npm test -- mutants`: plants the bugs of test/mutants one at a time in private copies of the tree, and says which of them
// the tests notice. Started by whatever Node is at hand, so it imports nothing but `node:`.
//   node test/mutants.mjs                     all of them, those apart whose verdict is known for this very tree
//   node test/mutants.mjs --only NAME         one, whatever is known of it; NAME is the patch's, or the beginning of it
//   node test/mutants.mjs --list              names, and the tests that each is run against
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { install } from '../services/cli/launch/install.mjs';
import { findNode, runNode } from '../services/cli/launch/pinned-node.mjs';

const root = resolve(fileURLToPath(import.meta.url), '../..');
try {
  install(root, { dev: true });
  const main = resolve(root, 'test/mutants/src/main.ts');
  process.exitCode = await runNode(findNode(root), [main, ...process.argv.slice(2)], { cwd: root, env: process.env });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
