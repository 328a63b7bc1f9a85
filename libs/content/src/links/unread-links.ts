// Repositories with links objects that a rebuild of the index could not read. The index is complete but for them, so their links
// are looked for in the store, too.
import { type CacheIndex, type RepositoryKey, repositoryPath } from '@cistern/index';

type Values = Pick<CacheIndex, 'values'>;

/** Longer than the longest pause between two looks at such objects. */
const keepMs = 3 * 3_600_000;

/** For three hours, unless it is marked again. */
export async function markUnread({ values }: Values, key: RepositoryKey): Promise<void> {
  await values.put(nameOf(key), 'unread', keepMs);
}

export async function hasUnreadLinks({ values }: Values, key: RepositoryKey): Promise<boolean> {
  return (await values.get(nameOf(key))) !== undefined;
}

function nameOf(key: RepositoryKey): string {
  return `unread-links/${repositoryPath(key)}`;
}
