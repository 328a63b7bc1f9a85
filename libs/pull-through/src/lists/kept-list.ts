// A page of a list as the store keeps it, for all nodes and for when upstream cannot be asked.
import { createHash } from 'node:crypto';
import { type BlobStore, listObjectKey } from '@cistern/blob-store';
import { readJsonObject } from '@cistern/content';
import type { RepositoryKey } from '@cistern/index';
import type { JobPayload, ReferrersPage, TagsPage } from '@cistern/jobs';

export type ListName = 'tags' | 'referrers';
export type ListQuery = Omit<JobPayload<'fetch-tags'>, 'maxAgeMs'> | Omit<JobPayload<'fetch-referrers'>, 'maxAgeMs'>;

export interface ListPlace {
  /** The same on all nodes, for the same page. */
  readonly name: string;
  /** The object in the store, which other pages of the repository may use too. */
  readonly objectKey: string;
}

/** Clients choose what they ask for, so a repository has so many objects and no more. */
const slots: Readonly<Record<ListName, number>> = { tags: 64, referrers: 256 };

export type ListPage = TagsPage | ReferrersPage;

export interface KeptList {
  readonly schema: 1;
  readonly name: string;
  readonly page: ListPage;
  /** When upstream gave it; it is not written again for being confirmed. */
  readonly keptAtMs: number;
}

/** What the store takes as a small object. */
const maxBytes = 4 * 1024 * 1024;

/** `undefined`: not there, or another page is. */
export async function readKeptList(store: BlobStore, { name, objectKey }: ListPlace): Promise<KeptList | undefined> {
  const kept = await readJsonObject<KeptList>(store, objectKey);
  return kept?.name === name ? kept : undefined;
}

/** A page that is too large for the store is not kept: upstream is asked for it each time. */
export async function keepList(
  store: BlobStore,
  { name, objectKey }: ListPlace,
  { page, keptAtMs }: Pick<KeptList, 'page' | 'keptAtMs'>,
): Promise<void> {
  const bytes = Buffer.from(`${JSON.stringify({ schema: 1, name, page, keptAtMs } satisfies KeptList)}\n`);
  if (bytes.length <= maxBytes) await store.writeObject(objectKey, bytes);
}

/** The place of one page: requests for it have one spelling, whatever they want of its freshness. */
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
