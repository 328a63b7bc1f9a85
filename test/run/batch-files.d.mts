/** Returns a map from the files for `node --test` to the test files that each of them runs. */
export function batchFiles(root: string, files: readonly string[], directory: string): Map<string, string[]>;
