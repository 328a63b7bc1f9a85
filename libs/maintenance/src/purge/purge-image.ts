// Purges one image of one repository: its tag, and the content that no other image refers to (decision 0040).
import { type ImageName, linksObjectsOf, parseLinksObjectKey } from '@cistern/blob-store';
import { type Link, type RepositoryKey, type TagRecord, isSameRepository } from '@cistern/index';
import type { Digest, Tag } from '@cistern/oci';
import { forEachBounded } from '@cistern/runtime';
import { findTag, markTagPurged, readLinksObject, removeLink, removeTag } from '@cistern/content';
import { keepOthers } from '../integrity/find-holders.ts';
import { type PurgeResult, type PurgeStep, removeBytes } from './remove-bytes.ts';

const pageSize = 500;
const atOnce = 16;

/**
 * Purges an image. If the image is named by digest, also removes all tags of the repository that name this digest.
 * Rejects with `store-unavailable` or `index-unavailable`.
 */
export async function purgeImage(step: PurgeStep, image: ImageName): Promise<PurgeResult> {
  const found = await selectImage(step, image);
  if ('pinnedBy' in found) return found;
  const { key } = found;
  const tags = await purgeTags(step, key, found.tags);
  const dead = await findDead(step, found);
  await forEachBounded(dead, { atOnce }, (digest) => step.tolerate(() => removeLink(step, key, digest)));
  await keepOthers(step, dead, (other) => !isSameRepository(other, key));
  return { purged: { tags, ...(await removeBytes(step, dead)) } };
}

interface SelectedImage {
  readonly key: RepositoryKey;
  readonly root: Digest | undefined;
  /** The tags that name the image. */
  readonly tags: readonly Tag[];
  /** The digests of the other tags of the repository. */
  readonly staying: readonly Digest[];
}

/** Finds the tags of an image, or the pins that protect it. Rejects as `purgeImage`. */
export async function selectImage(
  step: PurgeStep,
  image: ImageName,
): Promise<SelectedImage | { readonly pinnedBy: readonly ImageName[] }> {
  const { upstream, repository, reference } = image;
  const key: RepositoryKey = { upstream, repository };
  const named = await Array.fromAsync(tagsOf(step, key));
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
  const staying = named.filter(({ tag }) => !going.includes(tag)).map(({ digest }) => digest);
  return { key, root, tags: going, staying };
}

/** Returns the digests of an image that no other image of its repository uses. Other repositories may use them. */
export async function findDead(step: PurgeStep, { key, root, staying }: SelectedImage): Promise<Set<Digest>> {
  if (root === undefined) return new Set();
  const parts = await partsIn(step, key, root);
  const live = await liveIn(step, key, parts, staying);
  return new Set([...parts].filter((digest) => !live.has(digest)));
}

/** Purges tags. Resolves to the number of tags that existed. */
export async function purgeTags(step: PurgeStep, key: RepositoryKey, tags: readonly Tag[]): Promise<number> {
  let purged = 0;
  for (const tag of tags) {
    await markTagPurged(step.index, { ...key, tag });
    await step.tolerate(async () => {
      if (await removeTag(step, { ...key, tag })) purged += 1;
    });
  }
  return purged;
}

/** Yields all tags of a repository. */
export async function* tagsOf(
  { index }: Pick<PurgeStep, 'index'>,
  { upstream, repository }: RepositoryKey,
): AsyncGenerator<TagRecord> {
  for (let after: Tag | undefined; ;) {
    const page = await index.tags.list(upstream, repository, { after, limit: pageSize });
    yield* page;
    if (page.length < pageSize) return;
    after = page.at(-1)?.tag;
  }
}

/** Returns `root` and everything it refers to, as far as the links objects of the repository can be read. */
async function partsIn(step: PurgeStep, key: RepositoryKey, root: Digest): Promise<ReadonlySet<Digest>> {
  const parts = new Set([root]);
  await addUnder(step, key, [root], parts);
  return parts;
}

/** Adds to `parts` everything that `manifests` refer to. Empties `manifests`. */
async function addUnder(step: PurgeStep, key: RepositoryKey, manifests: Digest[], parts: Set<Digest>): Promise<void> {
  for (let next = manifests.pop(); next !== undefined; next = manifests.pop())
    for (const { digest, kind } of await linksUnder(step, key, next)) {
      if (kind === 'manifest' && !parts.has(digest)) manifests.push(digest);
      parts.add(digest);
    }
}

/**
 * Returns the links of a manifest and its children, or an empty list if they cannot be read. In that case, content that
 * only these links refer to can be purged, and the next pull fetches it again.
 */
async function linksUnder(step: PurgeStep, key: RepositoryKey, manifest: Digest): Promise<readonly Link[]> {
  let links: readonly Link[] = [];
  await step.tolerate(async () => {
    links = (await readLinksObject(step.store, key, manifest, Infinity)) ?? [];
  });
  return links;
}

/**
 * Returns the `parts` that other images of the repository also use. An image that is no longer cached does not count.
 */
async function liveIn(
  step: PurgeStep,
  key: RepositoryKey,
  parts: ReadonlySet<Digest>,
  staying: readonly Digest[],
): Promise<ReadonlySet<Digest>> {
  const { index, store, signal } = step;
  const live = new Set(staying);
  const others = async function* () {
    for await (const objectKey of store.listObjects(linksObjectsOf(key.upstream, key.repository))) {
      const found = parseLinksObjectKey(objectKey);
      if (found?.repository === key.repository && !parts.has(found.digest)) yield found.digest;
    }
  };
  await forEachBounded(others(), { atOnce, signal }, async (digest) => {
    if ((await index.blobs.get(digest)) === undefined) return;
    for (const link of await linksUnder(step, key, digest)) live.add(link.digest);
  });
  // If other images also use a manifest of this image, the parts of that manifest are kept too.
  const manifests = [...live].filter((digest) => parts.has(digest));
  await addUnder(step, key, manifests, live);
  return live;
}
