#!/usr/bin/env node
// The `cistern` command. It works in a fresh clone, on any Node from version 20 on. It installs missing packages, then
// runs the command line on the pinned Node.
import * as module from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { install } from './install.mjs';
import { becomeNode, findNode } from './pinned-node.mjs';

const root = resolve(fileURLToPath(import.meta.url), '../../../..');
const main = join(root, 'services', 'cli', 'src', 'main.ts');
// Without this compile cache, every start strips the types and compiles the sources again. It is no error if the cache
// directory cannot be written.
const compileCache = join(root, 'node_modules', '.cache', 'cistern');
// The first flag sets the size of V8's semi-space in MiB, and so the size of the young generation. With the default of
// 16, a busy process takes that much more memory and is no faster. With 4, a small response takes a tenth more CPU. The
// second flag lets a node collect the garbage of its startup.
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
