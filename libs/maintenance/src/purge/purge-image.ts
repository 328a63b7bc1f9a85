// Purges one image of one repository: its tag, and what no other image refers to (decision 0040).
import { type ImageName, linksObjectsOf, parseLinksObjectKey } from '@cistern/blob-store';
import { type RepositoryKey, type TagRecord, isSameRepository } from '@cistern/index';
import type { Digest, Tag } from '@cistern/oci';
import { forEachBounded } from '@cistern/runtime';
import { findTag, markTagPurged, readLinksObject, removeLink, removeTag } from '@cistern/content';
import { keepOthers } from '../integrity/find-holders.ts';
import { type PurgeResult, type PurgeStep, removeBytes } from './remove-bytes.ts';

const pageSize = 500;
const atOnce = 16;

/** By a digest: all tags of the repository that name it go too. Rejects with `store-unavailable` or `index-unavailable`. */
export async function purgeImage(step: PurgeStep, image: ImageName): Promise<PurgeResult> {
  const { upstream, repository, reference } = image;
  const key: RepositoryKey = { upstream, repository };
  const named = await tagsOf(step, key);
  const root =
    reference.kind === 'digest' ? reference.digest : (await findTag(step, { ...key, tag: reference.tag }))?.digest;
  const pinnedBy = step.pins.filter(
    (pin) =>
      isSameRepository(pin, key) &&
      (pin.reference.kind === 'tag'
        ? reference.kind === 'tag' && pin.reference.tag === reference.tag
        : pin.reference.digest === root),
  );
  if (pinnedBy.length > 0) return { pinnedBy };
  const going =
    reference.kind === 'tag' ? [reference.tag] : named.filter(({ digest }) => digest === root).map(({ tag }) => tag);
  const tags = await purgeTags(step, key, going);
  if (root === undefined) return { purged: { tags, manifests: 0, blobs: 0 } };
  const staying = named.filter(({ tag }) => !going.includes(tag)).map(({ digest }) => digest);
  const parts = await partsIn(step, key, root);
  const live = await liveIn(step, key, parts, staying);
  const dead = new Set([...parts].filter((digest) => !live.has(digest)));
  await forEachBounded(dead, { atOnce }, (digest) => removeLink(step, key, digest));
  await keepOthers(step, dead, (other) => !isSameRepository(other, key));
  return { purged: { tags, ...(await removeBytes(step, dead)) } };
}

/** Returns how many there were. */
export async function purgeTags(step: PurgeStep, key: RepositoryKey, tags: readonly Tag[]): Promise<number> {
  let purged = 0;
  for (const tag of tags) {
    await markTagPurged(step.index, { ...key, tag });
    if (await removeTag(step, { ...key, tag })) purged += 1;
  }
  return purged;
}

/** All tags of a repository. */
export async function tagsOf({ index }: PurgeStep, { upstream, repository }: RepositoryKey): Promise<TagRecord[]> {
  const records: TagRecord[] = [];
  for (let after: Tag | undefined; ;) {
    const page = await index.tags.list(upstream, repository, { after, limit: pageSize });
    records.push(...page);
    if (page.length < pageSize) return records;
    after = page.at(-1)?.tag;
  }
}

/** `root` and all under it, as far as the repository's own objects tell. */
async function partsIn({ store }: PurgeStep, key: RepositoryKey, root: Digest): Promise<ReadonlySet<Digest>> {
  const parts = new Set([root]);
  await addUnder(store, key, [root], parts);
  return parts;
}

/** Adds all that is under `manifests` to `parts`. */
async function addUnder(
  store: PurgeStep['store'],
  key: RepositoryKey,
  manifests: Digest[],
  parts: Set<Digest>,
): Promise<void> {
  for (let next = manifests.pop(); next !== undefined; next = manifests.pop())
    for (const { digest, kind } of (await readLinksObject(store, key, next, Infinity)) ?? []) {
      if (kind === 'manifest' && !parts.has(digest)) manifests.push(digest);
      parts.add(digest);
    }
}

/** Of `parts` those that other images of the repository are made of. An image that is not here any more keeps nothing. */
async function liveIn(
  { index, store, signal }: PurgeStep,
  key: RepositoryKey,
  parts: ReadonlySet<Digest>,
  staying: readonly Digest[],
): Promise<ReadonlySet<Digest>> {
  const live = new Set(staying);
  const others = async function* () {
    for await (const objectKey of store.listObjects(linksObjectsOf(key.upstream, key.repository))) {
      const found = parseLinksObjectKey(objectKey);
      if (found?.repository === key.repository && !parts.has(found.digest)) yield found.digest;
    }
  };
  await forEachBounded(others(), { atOnce, signal }, async (digest) => {
    if ((await index.blobs.get(digest)) === undefined) return;
    for (const link of (await readLinksObject(store, key, digest, Infinity)) ?? []) live.add(link.digest);
  });
  // What is both of the image and alive keeps what is under it.
  const manifests = [...live].filter((digest) => parts.has(digest));
  await addUnder(store, key, manifests, live);
  return live;
}
