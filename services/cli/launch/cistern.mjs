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
// A fill turns every byte into garbage outside the heap, which V8 collects with its young objects: with the usual 16 MiB
// for those a cold 256 MiB blob leaves up to 70 MiB behind for a while, with 4 MiB 15, at the same speed.
const flags = ['--max-semi-space-size=4'];
// Of glibc. By itself it gives memory back to the kernel above every 128 KiB that are free, and takes it again for the next
// piece of a fill: two thirds of a fill's CPU went into that.
const trimThreshold = String(16 * 1024 * 1024);

const node = prepare();
if (node === process.execPath && flags.every((flag) => process.execArgv.includes(flag))) {
  module.enableCompileCache?.(compileCache);
  await import('../src/main.ts');
} else {
  const env = { MALLOC_TRIM_THRESHOLD_: trimThreshold, ...process.env, NODE_COMPILE_CACHE: compileCache };
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
