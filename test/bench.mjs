// `npm run bench` compares Cistern with registry:2 (Debian's docker-registry) as caches of the same upstream, in one
// run. Any Node can start it, so it imports only `node:`.
//   npm run bench                              quick workloads, a second of each load, three rounds: 6 minutes
//   npm run bench -- --full                    all workloads: also a cluster, S3, large and cold transfers
//   npm run bench -- --only blob-64m --rounds 5   one workload, more rounds; --help has the names
//   npm run bench -- --against main            compare the work tree with another commit: is it slower?
//   npm run bench -- --json out.json           write every single figure as well
//   npm run bench -- --full --record           record a day, and update the documentation.
// Fails when a contender returns wrong bytes, and with --against when the work tree is slower.
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
