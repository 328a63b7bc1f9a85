// Finds test files, and determines which of them run on virtual time.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';

/** Trees whose tests run on virtual time, unless the head of a file states a reason against it. */
export const virtualTrees = /^(?:libs|services|test\/simulation)\//;
const reason = /^\/\/ real-time: \S/m;

/** Returns the test files at or below a path relative to `root`, or none if the path does not exist. */
export function findTestFiles(root, path) {
  const full = resolve(root, path);
  if (!existsSync(full)) return [];
  if (full.endsWith('.test.ts')) return [relative(root, full)];
  return readdirSync(full, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name)))
    .filter((file) => !file.split(sep).includes('node_modules'))
    .sort();
}

/** Returns whether a file runs on virtual time: it is in a virtual tree, and its head states no reason against it. */
export function isVirtual(root, file) {
  if (!virtualTrees.test(file.split(sep).join('/'))) return false;
  const text = readFileSync(join(root, file), 'utf8');
  const firstStatement = text.search(/^(?!\/\/|\/\*| \*|\s*$)/m);
  return !reason.test(text.slice(0, firstStatement));
}
