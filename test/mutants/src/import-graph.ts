// Finds the test files that import a source, directly or through other files. Tests that start processes import nothing
// that they test, so a mutant names them itself.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, resolve, sep } from 'node:path';

export interface ImportGraph {
  /**
   * Returns tests of the same folder first, then those of the package, then all others. Within each of these groups a
   * test with few imports comes first, because it is about its imports. A test that starts half of the product comes
   * last.
   */
  testsReaching(files: readonly string[]): readonly string[];
}

const importPattern = /(?:\bfrom|\bimport)\s*\(?\s*'([^']+)'|new URL\(\s*'(\.[^']+\.ts)'/g;
const testEnding = '.test.ts';

/** Reads the sources and tests below `folders` of `root`. All paths are relative to `root`, with slashes. */
export function readImportGraph(root: string, folders: readonly string[]): ImportGraph {
  const files = folders.flatMap((folder) => listFiles(root, folder));
  const sources = files.filter((file) => file.endsWith('.ts'));
  const packages = readPackages(root, files);
  const imported = new Map<string, ReadonlySet<string>>();
  for (const source of sources)
    imported.set(source, new Set(importsOf(readFileSync(join(root, source), 'utf8'), source, packages)));
  const tests = sources
    .filter((source) => source.endsWith(testEnding))
    .map((file) => ({ file, reached: reachedFrom(file, imported) }));
  return {
    testsReaching(changed) {
      const entries = entriesOf(changed, sources);
      const homes = new Set(changed.map((file) => posix.dirname(file)));
      const own = new Set(changed.map(packageOf));
      const distanceOf = (file: string) => (homes.has(posix.dirname(file)) ? 0 : own.has(packageOf(file)) ? 1 : 2);
      return tests
        .filter(({ reached }) => entries.some((entry) => reached.has(entry)))
        .map(({ file, reached }) => ({ file, distance: distanceOf(file), size: reached.size }))
        .sort(
          (one, other) => one.distance - other.distance || one.size - other.size || (one.file < other.file ? -1 : 1),
        )
        .map(({ file }) => file);
    },
  };
}

/** Replaces a file that is not a module, such as a Redis script, by the sources of the folder above, which read it. */
function entriesOf(changed: readonly string[], sources: readonly string[]): readonly string[] {
  return changed.flatMap((file) => {
    if (file.endsWith('.ts')) return [file];
    const above = posix.dirname(posix.dirname(file));
    return sources.filter((source) => posix.dirname(source) === above && !source.endsWith(testEnding));
  });
}

function reachedFrom(file: string, imported: ReadonlyMap<string, ReadonlySet<string>>): ReadonlySet<string> {
  const reached = new Set([file]);
  for (const one of reached) for (const other of imported.get(one) ?? []) reached.add(other);
  return reached;
}

/** Returns `libs/jobs` for `libs/jobs/src/catalogue.ts`. */
function packageOf(file: string): string {
  return file.split('/').slice(0, 2).join('/');
}

/** Maps a specifier, such as `@cistern/jobs/inline`, to its file. */
type Packages = ReadonlyMap<string, string>;

function importsOf(text: string, file: string, packages: Packages): readonly string[] {
  return [...text.matchAll(importPattern)].flatMap(([, imported = '', url = '']) => {
    const specifier = imported === '' ? url : imported;
    if (specifier.startsWith('.')) return [posix.join(posix.dirname(file), specifier)];
    const found = packages.get(specifier);
    return found === undefined ? [] : [found];
  });
}

function readPackages(root: string, files: readonly string[]): Packages {
  const found = new Map<string, string>();
  for (const file of files.filter((path) => path.endsWith('/package.json'))) {
    const manifest = JSON.parse(readFileSync(join(root, file), 'utf8')) as {
      readonly name?: string;
      readonly exports?: Readonly<Record<string, unknown>>;
    };
    for (const [path, target] of Object.entries(manifest.exports ?? {}))
      if (typeof target === 'string')
        found.set(posix.join(manifest.name ?? '', path), posix.join(posix.dirname(file), target));
  }
  return found;
}

function listFiles(root: string, folder: string): string[] {
  return readdirSync(resolve(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.ts$|^package\.json$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((file) => !file.split('/').includes('node_modules') && dirname(file) !== '.');
}
