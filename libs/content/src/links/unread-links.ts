// Marks repositories with links objects that a rebuild of the index could not read. The index is complete except for them, so their
// links are also searched in the store.
import { type CacheIndex, type RepositoryKey, repositoryPath } from '@cistern/index';

type Values = Pick<CacheIndex, 'values'>;

/** Longer than the longest pause between two reads of such objects. */
const keepMs = 3 * 3_600_000;

/** Set while any repository is marked. Usually it is unset, and no other key has to be read. */
const anyName = 'unread-links';

/** Marks a repository for three hours. Another call extends that. */
export async function markUnread({ values }: Values, key: RepositoryKey): Promise<void> {
  await values.put(nameOf(key), 'unread', keepMs);
  await values.put(anyName, 'unread', keepMs);
}

export async function hasUnreadLinks({ values }: Values, among: readonly RepositoryKey[]): Promise<boolean> {
  if ((await values.get(anyName)) === undefined) return false;
  const marks = await Promise.all(among.map((key) => values.get(nameOf(key))));
  return marks.some((mark) => mark !== undefined);
}

function nameOf(key: RepositoryKey): string {
  return `${anyName}/${repositoryPath(key)}`;
}
