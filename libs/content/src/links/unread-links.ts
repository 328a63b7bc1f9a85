// Marks repositories that have links objects which a rebuild of the index could not read. The index may lack links of these
// repositories, so their links are also searched in the store.
import { type CacheIndex, type RepositoryKey, repositoryPath } from '@cistern/index';

type Values = Pick<CacheIndex, 'values'>;

/** How long a mark is kept. Longer than the longest pause before such objects are read again. */
const keepMs = 3 * 3_600_000;

/** The key of a value that is set while any repository is marked. Usually it is unset, so no other key has to be read. */
const anyName = 'unread-links';

/** Marks a repository for three hours. Another call starts the three hours again. */
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
