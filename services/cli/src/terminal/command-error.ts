// The error that a command throws to explain its failure to the user.

/** `message` is a complete sentence for the user. It is printed without the stack. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** Resolves as `action` does. An error of `action` becomes a `CommandError`, with `subject` before its message. */
export async function explain<T>(action: () => T | Promise<T>, subject?: string): Promise<T> {
  try {
    return await action();
  } catch (error) {
    const { message } = error as Error;
    throw new CommandError(subject === undefined ? message : `${subject}: ${message}.`);
  }
}

/** Returns true if the error is of a file operation, for example because a file cannot be opened or written. */
export function isFileError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'path' in error;
}
