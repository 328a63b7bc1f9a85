/** Why a command did not do what it was asked for. `message` is a whole sentence for the user, who needs no stack. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}
