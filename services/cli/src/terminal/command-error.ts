// Why a command failed, for its user.

/** `message` is a whole sentence for the user, who needs no stack. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

/** Returns as `action` does. `sentenceOf` makes the message of a `CommandError` of that of an error. */
export function explain<T>(action: () => T, sentenceOf = (message: string) => message): T {
  try {
    return action();
  } catch (error) {
    throw new CommandError(sentenceOf((error as Error).message));
  }
}

/** A file that cannot be opened, read or written. */
export function isFileError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'path' in error;
}
