// A page of a list as the store keeps it, for all nodes and for when upstream cannot be asked.
import type { BlobStore } from '@cistern/blob-store';
import type { ReferrersPage, TagsPage } from '@cistern/jobs';
import type { ListPlace } from './list-query.ts';

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
  const bytes = await store.readObject(objectKey);
  if (bytes === undefined) return undefined;
  try {
    const kept = JSON.parse(Buffer.from(bytes).toString('utf8')) as KeptList;
    return kept.schema === 1 && kept.name === name ? kept : undefined;
  } catch {
    return undefined;
  }
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
