// The links of a manifest into the index. A write of many links stops the event loop, where the index is SQLite, or Redis. So those of a
// large manifest are written in portions.
import { setImmediate as turn } from 'node:timers/promises';
import type { CacheIndex, Link, RepositoryKey } from '@cistern/index';

/** A millisecond or two. Nearly all manifests have fewer. */
const linksPerWrite = 250;

/** `links`: that of the manifest itself first. It is written last: while it is not there, all of them are written again. */
export async function putLinks(
  { links: index }: Pick<CacheIndex, 'links'>,
  key: RepositoryKey,
  links: readonly Link[],
): Promise<void> {
  if (links.length <= linksPerWrite) return index.put(key, links);
  for (let at = 1; at < links.length; at += linksPerWrite) {
    await index.put(key, links.slice(at, at + linksPerWrite));
    await turn();
  }
  await index.put(key, links.slice(0, 1));
}
