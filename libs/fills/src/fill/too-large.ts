// The error for a blob that the spool can never hold. A kind of its own: another try cannot succeed.
import { CacheError } from '@cistern/errors';

export function tooLarge(bytes: number, maxBytes: number): CacheError {
  const message = `The spool cannot hold ${bytes} bytes of a blob, only ${maxBytes}. Raise worker.spool.maxbytes.`;
  return new CacheError('too-large', message);
}
