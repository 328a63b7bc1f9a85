#!/usr/bin/env node
// The `cistern` command, from a fresh clone on whatever Node is at hand: installs what is missing, then becomes the
// command line on the pinned Node.
import * as module from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { install } from './install.mjs';
import { becomeNode, findNode } from './pinned-node.mjs';

const root = resolve(fileURLToPath(import.meta.url), '../../../..');
const main = join(root, 'services', 'cli', 'src', 'main.ts');
// Saves stripping and compiling the sources again on every start; a directory that cannot be written is no error.
const compileCache = join(root, 'node_modules', '.cache', 'cistern');
// V8's young generation: with its usual 16 MiB a busy process takes that much more memory and is no faster, with 4 MiB a
// small answer takes a tenth more CPU. And the collector by name, for the garbage of the start.
const flags = ['--max-semi-space-size=8', '--expose-gc'];

const node = prepare();
if (node === process.execPath && flags.every((flag) => process.execArgv.includes(flag))) {
  module.enableCompileCache?.(compileCache);
  await import('../src/main.ts');
} else {
  const env = { ...process.env, NODE_COMPILE_CACHE: compileCache };
  process.exitCode = await becomeNode(node, [...flags, main, ...process.argv.slice(2)], env).catch(fail);
}

function prepare() {
  try {
    install(root);
    return findNode(root);
  } catch (error) {
    return fail(error);
  }
}

function fail(error) {
  process.stderr.write(`cistern: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
