/** The reason why the cache cannot start. `message` is a complete sentence for the user. No stack is printed. */
export class StartError extends Error {
  override readonly name = 'StartError';
}
