// Which test files reach a source: those that import it, however many files lie between. Tests that start processes import
// nothing of what they test; a mutant names them itself.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, resolve, sep } from 'node:path';

export interface ImportGraph {
  /** Nearest first; those of the package of `files` before all others, and then no more than `most`. */
  testsReaching(files: readonly string[], most: number): readonly string[];
}

const importPattern = /(?:\bfrom|\bimport)\s*\(?\s*'([^']+)'|new URL\(\s*'(\.[^']+\.ts)'/g;
const testEnding = '.test.ts';

/** Of the sources and tests below `folders` of `root`. All paths are relative to `root`, with slashes. */
export function readImportGraph(root: string, folders: readonly string[]): ImportGraph {
  const files = folders.flatMap((folder) => listFiles(root, folder));
  const sources = files.filter((file) => file.endsWith('.ts'));
  const packages = readPackages(root, files);
  const importers = new Map<string, Set<string>>();
  for (const source of sources)
    for (const imported of importsOf(readFileSync(join(root, source), 'utf8'), source, packages))
      importers.set(imported, (importers.get(imported) ?? new Set()).add(source));
  return {
    testsReaching: (changed, most) =>
      rankTests(changed, distancesFrom(entriesOf(changed, sources), importers)).slice(0, most),
  };
}

/** What is no module is read by the sources of the folder above, as scripts of Redis are. */
function entriesOf(changed: readonly string[], sources: readonly string[]): readonly string[] {
  return changed.flatMap((file) => {
    if (file.endsWith('.ts')) return [file];
    const above = posix.dirname(posix.dirname(file));
    return sources.filter((source) => posix.dirname(source) === above && !source.endsWith(testEnding));
  });
}

function distancesFrom(
  entries: readonly string[],
  importers: ReadonlyMap<string, ReadonlySet<string>>,
): ReadonlyMap<string, number> {
  const distances = new Map(entries.map((entry) => [entry, 0]));
  for (const [file, distance] of distances)
    for (const importer of importers.get(file) ?? [])
      if (!distances.has(importer)) distances.set(importer, distance + 1);
  return distances;
}

function rankTests(changed: readonly string[], distances: ReadonlyMap<string, number>): readonly string[] {
  const own = new Set(changed.map(packageOf));
  const folders = changed.map((file) => posix.dirname(file));
  const steps = (test: string) => Math.min(...folders.map((folder) => posix.relative(folder, test).split('/').length));
  return [...distances]
    .filter(([file]) => file.endsWith(testEnding))
    .map(([file, distance]) => ({ file, key: [own.has(packageOf(file)) ? 0 : 1, distance, steps(file)] as const }))
    .sort((one, other) => compare(one.key, other.key) || (one.file < other.file ? -1 : 1))
    .map(({ file }) => file);
}

function compare(one: readonly number[], other: readonly number[]): number {
  return one.map((value, place) => value - (other[place] ?? 0)).find((difference) => difference !== 0) ?? 0;
}

/** `libs/jobs` of `libs/jobs/src/catalogue.ts`. */
function packageOf(file: string): string {
  return file.split('/').slice(0, 2).join('/');
}

/** From a specifier, such as `@cistern/jobs/inline`, to its file. */
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
