// Which page of which list: a request, without what is about its freshness, under one spelling.
import { createHash } from 'node:crypto';
import { listObjectKey } from '@cistern/blob-store';
import type { RepositoryKey } from '@cistern/index';
import type { JobPayload } from '@cistern/jobs';

export type ListName = 'tags' | 'referrers';
export type ListQuery = Omit<JobPayload<'fetch-tags'>, 'maxAgeMs'> | Omit<JobPayload<'fetch-referrers'>, 'maxAgeMs'>;

export interface ListPlace {
  /** The same on all nodes, for the same page. */
  readonly name: string;
  /** Of the object in the store, which other pages of the repository may have too. */
  readonly objectKey: string;
}

/** Clients choose what they ask for, so a repository has so many objects and no more. */
const slots: Readonly<Record<ListName, number>> = { tags: 64, referrers: 256 };

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
