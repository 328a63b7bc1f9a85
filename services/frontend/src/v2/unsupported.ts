// Everything that would write: pushes, deletes, mounts. Answered before the body is looked at, for none would be used.
import { CacheError } from '@cistern/errors';

export function refuseWrite(): never {
  throw new CacheError(
    'unsupported',
    'This is a read-only cache: push to, and delete from, the registry that the image comes from.',
  );
}
