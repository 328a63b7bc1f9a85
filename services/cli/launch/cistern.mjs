#!/usr/bin/env node
// The `cistern` command. It works in a fresh clone, on any Node: it installs missing packages, then becomes the command
// line on the pinned Node.
import * as module from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { install } from './install.mjs';
import { becomeNode, findNode } from './pinned-node.mjs';

const root = resolve(fileURLToPath(import.meta.url), '../../../..');
const main = join(root, 'services', 'cli', 'src', 'main.ts');
// Without this cache every start strips and compiles the sources again. A directory that cannot be written is no error.
const compileCache = join(root, 'node_modules', '.cache', 'cistern');
// The first flag sizes V8's young generation. With the default of 16 MiB a busy process takes that much more memory and
// is no faster. With 4 MiB a small response takes a tenth more CPU. The second flag exposes the collector, for the
// garbage of the startup.
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
