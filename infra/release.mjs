// `npm run release` builds the packages of a release in `dist/`: images, an npm package, Debian packages, checksums. Any
// Node can start it, so it imports only `node:`. docs/releasing.md explains it.
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { install } from '../services/cli/launch/install.mjs';
import { findNode, runNode } from '../services/cli/launch/pinned-node.mjs';

const root = resolve(fileURLToPath(import.meta.url), '../..');
try {
  install(root, { dev: true });
  const main = resolve(root, 'infra/release/src/main.ts');
  process.exitCode = await runNode(findNode(root), [main, ...process.argv.slice(2)], { cwd: root });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
