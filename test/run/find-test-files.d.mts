/** The test files at or below a path relative to `root`; none if there is no such path. */
export function findTestFiles(root: string, path: string): string[];

/** Whether a file runs on virtual time: where that is the rule, and its head gives no reason against it. */
export function isVirtual(root: string, file: string): boolean;
