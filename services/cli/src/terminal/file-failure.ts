// Explains why a command could not use a file, and how to fix that.
import { dirname } from 'node:path';
import { CommandError } from './command-error.ts';

/**
 * Resolves as `action` does, which reads or writes only the file `path`. An error of the system becomes a
 * `CommandError` that names the fix.
 */
export async function withFile<T>(path: string, verb: 'read' | 'written', action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw code === undefined ? error : new CommandError(explainFailure(path, verb, code), { cause: error });
  }
}

function explainFailure(path: string, verb: 'read' | 'written', code: string): string {
  const directory = dirname(path);
  switch (code) {
    case 'ENOENT':
      return verb === 'read'
        ? `The file ${path} does not exist.`
        : `The directory ${directory} does not exist. Create it first.`;
    case 'EACCES':
    case 'EPERM': {
      const owner = verb === 'read' ? path : directory;
      return `The file ${path} cannot be ${verb} by user ${process.getuid?.()} (${code}). Run this command as root or as the owner of ${owner}, for example with sudo.`;
    }
    case 'EROFS':
      return `The directory ${directory} is read-only (EROFS). Run this command where it is mounted for writing.`;
    default:
      return `The file ${path} cannot be ${verb} (${code}).`;
  }
}
