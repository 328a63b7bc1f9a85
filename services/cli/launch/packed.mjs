#!/usr/bin/env node
// The `cistern` command of a release. `npm run release` puts this directory into each package, beside `lib/`.
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { start } from './start.mjs';

const root = resolve(fileURLToPath(import.meta.url), '../..');
await start({ root, main: join(root, 'lib', 'main.js') });
