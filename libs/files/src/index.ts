// Files that may change while a process runs.
export { fileText } from './file-text.ts';
export { replaceFile } from './replace-file.ts';
