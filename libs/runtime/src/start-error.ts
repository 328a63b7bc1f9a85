/** Why the cache cannot start. `message` is a whole sentence for the user, who needs no stack to act on it. */
export class StartError extends Error {
  override readonly name = 'StartError';
}
