/**
 * The reason why the cache cannot start. `message` has complete sentences for the operator. The stack is not printed.
 */
export class StartError extends Error {
  override readonly name = 'StartError';
}
