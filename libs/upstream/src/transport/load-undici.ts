// Loads the HTTP client when the first connection is opened. It takes 5 MB, which a cache without requests does not need
// (decision 0044).
import { createRequire } from 'node:module';
import type * as Undici from 'undici';

/** Returns the library. The first call takes some ten milliseconds. Later calls take it from Node's cache of modules. */
export const loadUndici = (): typeof Undici => createRequire(import.meta.url)('undici');
