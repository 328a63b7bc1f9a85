// Files that may change while a process runs.
export { fileText } from './file-text.ts';
