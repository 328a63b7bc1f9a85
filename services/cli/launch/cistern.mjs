#!/usr/bin/env node
// The `cistern` command, from a fresh clone on whatever Node is at hand: installs what is missing, then runs the command
// line on the pinned Node.
import * as module from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { install } from './install.mjs';
import { findNode, runNode } from './pinned-node.mjs';

const self = fileURLToPath(import.meta.url);
const root = resolve(self, '../../../..');

const node = prepare();
if (node === process.execPath) {
  // Saves stripping and compiling the sources again on every start; a directory that cannot be written is no error.
  module.enableCompileCache?.(join(root, 'node_modules', '.cache', 'cistern'));
  await import('../src/main.ts');
} else {
  process.exitCode = await runNode(node, [self, ...process.argv.slice(2)]).catch(fail);
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
