/** A map from what `node --test` is to be given to the files that it runs. */
export function batchFiles(root: string, files: readonly string[], directory: string): Map<string, string[]>;
