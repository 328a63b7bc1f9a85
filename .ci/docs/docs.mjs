// `npm run docs` writes the pages that are generated from the code; `npm run check -- docs` compares them. Any Node can
// start it, so it imports only `node:`.
import { fileURLToPath } from 'node:url';
import { findNode, runNode } from '../../services/cli/launch/pinned-node.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
try {
  const main = fileURLToPath(new URL('main.mjs', import.meta.url));
  process.exitCode = await runNode(findNode(root), [main, ...process.argv.slice(2)], { cwd: root });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
