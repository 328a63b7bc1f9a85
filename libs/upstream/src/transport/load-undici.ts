// Loads the HTTP client when the first connection is opened. It takes 5 MB, and many caches serve for hours without an upstream
// (decision 0044).
import { createRequire } from 'node:module';
import type * as Undici from 'undici';

const require = createRequire(import.meta.url);

/** Returns the library. The first call takes some ten milliseconds. */
export const loadUndici = (): typeof Undici => require('undici');
