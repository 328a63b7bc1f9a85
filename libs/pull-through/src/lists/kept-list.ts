// Stores pages of lists, so that all nodes can serve them, also while the upstream is unavailable.
import { createHash } from 'node:crypto';
import { type BlobStore, listObjectKey } from '@cistern/blob-store';
import { readJsonObject } from '@cistern/content';
import type { RepositoryKey } from '@cistern/index';
import type { JobPayload, ReferrersPage, TagsPage } from '@cistern/jobs';

export type ListName = 'tags' | 'referrers';
export type ListQuery = Omit<JobPayload<'fetch-tags'>, 'maxAgeMs'> | Omit<JobPayload<'fetch-referrers'>, 'maxAgeMs'>;

export interface ListPlace {
  /** The name of the page, which is the same on all nodes. */
  readonly name: string;
  /** The key of the object in the store. Another page of the repository may have the same key, and then replaces this page. */
  readonly objectKey: string;
}

/**
 * The number of objects that the pages of a repository share. It is limited, because clients can request any number of
 * different pages.
 */
const slots: Readonly<Record<ListName, number>> = { tags: 64, referrers: 256 };

export type ListPage = TagsPage | ReferrersPage;

export interface KeptList {
  readonly schema: 1;
  readonly name: string;
  readonly page: ListPage;
  /** When the upstream first sent this page. The time stays the same if the upstream sends an equal page again. */
  readonly keptAtMs: number;
}

/** The store accepts no larger small objects. */
const maxBytes = 4 * 1024 * 1024;

/** Resolves to `undefined` if the object does not exist or holds another page. */
export async function readKeptList(store: BlobStore, { name, objectKey }: ListPlace): Promise<KeptList | undefined> {
  const kept = await readJsonObject<KeptList>(store, objectKey);
  return kept?.name === name ? kept : undefined;
}

/** Stores a page. A page that is too large for the store is not stored, so each request for it goes to the upstream. */
export async function keepList(
  store: BlobStore,
  { name, objectKey }: ListPlace,
  { page, keptAtMs }: Pick<KeptList, 'page' | 'keptAtMs'>,
): Promise<void> {
  const bytes = Buffer.from(`${JSON.stringify({ schema: 1, name, page, keptAtMs } satisfies KeptList)}\n`);
  if (bytes.length <= maxBytes) await store.writeObject(objectKey, bytes);
}

/** Returns the place of a page, which does not depend on the requested freshness. */
export function placeOf(list: ListName, query: ListQuery): ListPlace {
  const { upstream, repository }: RepositoryKey = query;
  const {
    n = null,
    last = null,
    digest = null,
    artifactType = null,
    nextQuery = null,
  } = query as Partial<Record<'n' | 'last' | 'digest' | 'artifactType' | 'nextQuery', unknown>>;
  const page = createHash('sha256')
    .update(JSON.stringify([n, last, digest, artifactType, nextQuery]))
    .digest();
  const slot = page.readUInt32BE(0) % slots[list];
  return {
    name: `list/${list}/${upstream}/${repository}/${page.toString('hex')}`,
    objectKey: listObjectKey({ upstream, repository, list, slot }),
  };
}
