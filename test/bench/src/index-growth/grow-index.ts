// Fills an index with the calls of a rebuild from a store, and looks entries up.
import type { CacheIndex } from '@cistern/index';
import { blobOf, entriesPerRepository, linkOf, manifestOf, repositoryOf, tagOf } from './sample-entries.ts';

export type EntryKind = 'blobs' | 'tags';

/** Adds `entries` entries, one repository at a time. */
export async function growIndex(index: CacheIndex, kind: EntryKind, entries: number): Promise<void> {
  for (const numbers of repositories(entries))
    if (kind === 'blobs') await addBlobs(index, numbers);
    else await addTags(index, numbers);
}

/** Adds the links of `entries` blobs, whose records the index has. */
export async function addLinks(index: CacheIndex, entries: number): Promise<void> {
  for (const numbers of repositories(entries)) await index.links.put(repositoryOf(numbers[0]!), numbers.map(linkOf));
}

/** Yields the numbers of the entries of each repository. */
function* repositories(entries: number): Generator<number[]> {
  for (let first = 0; first < entries; first += entriesPerRepository)
    yield Array.from({ length: Math.min(entriesPerRepository, entries - first) }, (_, offset) => first + offset);
}

async function addBlobs(index: CacheIndex, numbers: readonly number[]): Promise<void> {
  await Promise.all(numbers.map((number) => index.blobs.adopt(blobOf(number))));
  await index.links.put(repositoryOf(numbers[0]!), numbers.map(linkOf));
}

async function addTags(index: CacheIndex, numbers: readonly number[]): Promise<void> {
  await Promise.all(
    numbers.flatMap((number) => [index.tags.adopt(tagOf(number)), index.manifests.put(manifestOf(number))]),
  );
}

/** Looks up one entry, as for a pull by tag or of a blob. Rejects if a part of it is missing. */
export async function lookUp(index: CacheIndex, kind: EntryKind, number: number): Promise<void> {
  const found =
    kind === 'blobs'
      ? [
          await index.links.get(repositoryOf(number), linkOf(number).digest),
          await index.blobs.get(blobOf(number).digest),
        ]
      : [await index.tags.get(tagOf(number)), await index.manifests.get(manifestOf(number).digest)];
  if (found.includes(undefined)) throw new Error(`entry ${number} of the ${kind} is not in the index`);
}
