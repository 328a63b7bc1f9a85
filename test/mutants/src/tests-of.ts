// The tests that hunt a mutant: those that import what it changes, of its own package first, and those that the mutant names.
import type { ImportGraph } from './import-graph.ts';
import type { Mutant } from './parse-mutant.ts';

/** So many reach a source of the middle that all of them would take a quarter of an hour for a mutant that survives. */
const mostImporting = 40;

export function testsOf(
  { name, files, reaches }: Pick<Mutant, 'name' | 'files' | 'reaches'>,
  graph: ImportGraph,
  tree: readonly string[],
): readonly string[] {
  const named = reaches.flatMap((path) => {
    const found = tree.filter((file) => file.endsWith('.test.ts') && (file === path || file.startsWith(`${path}/`)));
    if (found.length === 0) throw new Error(`${name}.patch reaches ${path}, where no test is`);
    return found;
  });
  // The long suites are not those of every change, and need root.
  const importing = graph
    .testsReaching(files)
    .filter((file) => !/^test\/(?!adapters\/|services\/|fake-upstream\/)/.test(file));
  return [...new Set([...named, ...importing.slice(0, mostImporting)])];
}
