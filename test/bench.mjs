// `npm run bench`: Cistern beside registry:2 (Debian's docker-registry) as caches of the same upstream, in one run.
// Started by whatever Node is at hand, so it imports nothing but `node:`.
//   npm run bench                  all cases
//   npm run bench -- blob-hit      one case
//   npm run bench -- --rounds 5    more rounds; the median is printed
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { install } from '../services/cli/launch/install.mjs';
import { findNode, runNode } from '../services/cli/launch/pinned-node.mjs';

const root = resolve(fileURLToPath(import.meta.url), '../..');
try {
  install(root, { dev: true });
  const main = resolve(root, 'test/bench/src/main.ts');
  process.exitCode = await runNode(findNode(root), [main, ...process.argv.slice(2)], { cwd: root, env: process.env });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
