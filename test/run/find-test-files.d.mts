/** Returns the test files at or below a path relative to `root`, or none if the path does not exist. */
export function findTestFiles(root: string, path: string): string[];

/** Returns whether a file runs on virtual time: it is in a virtual tree, and its head states no reason against it. */
export function isVirtual(root: string, file: string): boolean;
