// Repositories with links objects that a rebuild of the index could not read. The index is complete but for them, so their links
// are looked for in the store, too.
import { type CacheIndex, type RepositoryKey, repositoryPath } from '@cistern/index';

type Values = Pick<CacheIndex, 'values'>;

/** Longer than the longest pause between two looks at such objects. */
const keepMs = 3 * 3_600_000;

/** Set while any repository is marked: as a rule that is all that has to be looked for. */
const anyName = 'unread-links';

/** For three hours, unless it is marked again. */
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
