// Forgets the old manifests of one repository, and the links of parts that no other manifest of the repository names.
import {
  type DatedLinks,
  forgetManifest,
  forgetTag,
  isHeldManifest,
  putLinks,
  readDatedLinks,
  removeLink,
} from '@cistern/content';
import type { CacheIndex, RepositoryKey } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import { forEachBounded } from '@cistern/runtime';
import { tagsOf } from '../purge/purge-image.ts';
import { type ForgettingPass, type ManifestName, readManifestName, readTagName } from './names.ts';

const atOnce = 16;

/**
 * Forgets names that were last confirmed at `beforeMs` or earlier. Resolves to the number of forgotten manifests.
 * Rejects if the links object of a manifest that stays cannot be read.
 */
export async function forgetInRepository(pass: ForgettingPass, key: RepositoryKey, beforeMs: number): Promise<number> {
  const { index, pinned, signal, tolerate } = pass;
  const { manifests, others } = await readRepository(pass, key);
  const old = new Map<Digest, DatedLinks>();
  for (const { digest, confirmed } of manifests)
    if (confirmed !== 'cached' && confirmed.writtenAtMs <= beforeMs) old.set(digest, confirmed);
  if (old.size === 0 && manifests.length > 0) return 0;
  // An interrupted pass can leave tag records whose objects are already removed, so this loop reads the tags of the
  // index.
  for await (const { upstream, repository, tag } of tagsOf(pass, key)) {
    const { record, confirmed } = await readTagName(pass, { upstream, repository, tag });
    if (confirmed !== 'cached' && confirmed.atMs <= beforeMs) await forgetTag(pass, { ...key, tag }, record);
  }
  const staying = manifests.filter(({ digest }) => !old.has(digest));
  const named = await namedBy(pass, key, staying, old);
  const wereNamed = new Set([...old.values()].flatMap(({ links }) => links.map(({ digest }) => digest)));
  // Removes the links of parts first, because another pass finds them only while the links object of their manifest
  // exists.
  if (named !== undefined)
    await forEachBounded(others, { atOnce, signal }, (digest) =>
      tolerate(async () => {
        if (named.has(digest) || pinned.digests.has(digest)) return;
        if (wereNamed.has(digest) || (await index.blobs.get(digest)) === undefined) await removeLink(pass, key, digest);
      }),
    );
  let forgotten = 0;
  await forEachBounded(old.values(), { atOnce, signal }, (links) =>
    tolerate(async () => {
      if (await forgetManifest(pass, key, links)) forgotten += 1;
    }),
  );
  await putNewLinks(pass, key, new Set(manifests.map(({ digest }) => digest)));
  return forgotten;
}

export async function hasNoLinks({ index }: { readonly index: CacheIndex }, key: RepositoryKey): Promise<boolean> {
  return (await index.links.digests(key)).length === 0;
}

async function readRepository(pass: ForgettingPass, key: RepositoryKey) {
  const manifests: ManifestName[] = [];
  const others: Digest[] = [];
  await forEachBounded(await pass.index.links.digests(key), { atOnce, signal: pass.signal }, async (digest) => {
    const name = await readManifestName(pass, key, digest);
    if (name === undefined) others.push(digest);
    else manifests.push(name);
  });
  return { manifests, others };
}

/**
 * Returns the parts of the manifests that stay, or `undefined` if one of these manifests has no links object. An old
 * manifest that is a part of one that stays is removed from `old`, so it stays too.
 */
async function namedBy(
  { store, signal }: ForgettingPass,
  key: RepositoryKey,
  staying: readonly ManifestName[],
  old: Map<Digest, DatedLinks>,
): Promise<ReadonlySet<Digest> | undefined> {
  const named = new Set<Digest>();
  let isKnown = true;
  const add = ({ links }: DatedLinks) => {
    for (const { digest } of links) {
      named.add(digest);
      const part = old.get(digest);
      old.delete(digest);
      if (part !== undefined) add(part);
    }
  };
  await forEachBounded(staying, { atOnce, signal }, async ({ digest, confirmed }) => {
    const known = confirmed === 'cached' ? await readDatedLinks(store, key, digest) : confirmed;
    if (known === undefined) isKnown = false;
    else add(known);
  });
  return isKnown ? named : undefined;
}

/**
 * Writes the links of manifests that arrived during the pass again, because the pass may have removed the links of
 * their parts.
 */
async function putNewLinks({ index, store }: ForgettingPass, key: RepositoryKey, known: ReadonlySet<Digest>) {
  for (const digest of await index.links.digests(key)) {
    if (known.has(digest) || !isHeldManifest(await index.links.get(key, digest, { fresh: true }))) continue;
    const dated = await readDatedLinks(store, key, digest);
    if (dated !== undefined) await putLinks(index, key, dated.links);
  }
}
