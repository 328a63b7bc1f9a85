// The error of a failed command, for its user.

/** `message` is a complete sentence for the user. No stack is printed. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** Resolves as `action` does. Its error becomes a `CommandError`, with `subject` before the message. */
export async function explain<T>(action: () => T | Promise<T>, subject?: string): Promise<T> {
  try {
    return await action();
  } catch (error) {
    const { message } = error as Error;
    throw new CommandError(subject === undefined ? message : `${subject}: ${message}.`);
  }
}

/** Returns whether a file could not be opened, read or written. */
export function isFileError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'path' in error;
}
