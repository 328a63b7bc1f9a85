// Where a list of images goes on, as text that a client hands back. It holds names only, so nothing is lost by somebody's making
// one up.
import { CacheError } from '@cistern/errors';
import { OciSyntaxError, parseRepositoryName, parseTag } from '@cistern/oci';
import type { TagPosition } from './select-tags.ts';

export function formatCursor({ upstream, repository, tag }: TagPosition): string {
  return Buffer.from(JSON.stringify([upstream, repository, tag ?? null])).toString('base64url');
}

/** Throws `name-invalid` for what is none. */
export function parseCursor(text: string): TagPosition {
  try {
    const [upstream, repository, tag] = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as unknown[];
    if (typeof upstream === 'string' && typeof repository === 'string' && (tag === null || typeof tag === 'string'))
      return {
        upstream,
        repository: parseRepositoryName(repository),
        ...(tag !== null && { tag: parseTag(tag) }),
      };
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError || error instanceof OciSyntaxError)) throw error;
  }
  throw new CacheError('name-invalid', 'The cursor is none that this cache has given.');
}
