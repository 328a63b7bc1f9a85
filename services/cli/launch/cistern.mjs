#!/usr/bin/env node
// The `cistern` command of a clone. It works in a fresh clone, on any Node from version 20 on. It installs missing
// packages, then runs the command line on the pinned Node.
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { install } from './install.mjs';
import { start } from './start.mjs';

const root = resolve(fileURLToPath(import.meta.url), '../../../..');
await start({
  root,
  main: join(root, 'services', 'cli', 'src', 'main.ts'),
  prepare: () => install(root),
  // Without this cache, every start strips the types and compiles the sources again.
  compileCache: join(root, 'node_modules', '.cache', 'cistern'),
});
