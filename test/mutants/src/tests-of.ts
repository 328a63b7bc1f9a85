// Selects the tests for a mutant: those that import its files, with its own package first, and those that the mutant
// names.
import type { ImportGraph } from './import-graph.ts';
import type { Mutant } from './parse-mutant.ts';

/** Limits the importing tests. A central source has so many that a surviving mutant would take a quarter of an hour. */
const mostImporting = 40;

export function testsOf(
  { name, files, reaches }: Pick<Mutant, 'name' | 'files' | 'reaches'>,
  graph: ImportGraph,
  tree: readonly string[],
): readonly string[] {
  const named = reaches.flatMap((path) => {
    const found = tree.filter((file) => file.endsWith('.test.ts') && (file === path || file.startsWith(`${path}/`)));
    if (found.length === 0) throw new Error(`${name}.patch reaches ${path}, which has no tests`);
    return found;
  });
  // The long suites do not run on every change, and need root.
  const importing = graph
    .testsReaching(files)
    .filter((file) => !/^test\/(?!adapters\/|services\/|fake-upstream\/)/.test(file));
  return [...new Set([...named, ...importing.slice(0, mostImporting)])];
}
