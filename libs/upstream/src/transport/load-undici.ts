// Loads the HTTP client when the first connection is opened. It takes 5 MB, which a cache without requests does not need
// (decision 0044).
import { createRequire } from 'node:module';
import type * as Undici from 'undici';

const require = createRequire(import.meta.url);

/** Returns the library. The first call takes some ten milliseconds. */
export const loadUndici = (): typeof Undici => require('undici');
