// Conditional requests, as in RFC 9110 section 13. The only entity tag here is the quoted digest.
import type { Digest } from '@cistern/oci';

/** Whether one of the `If-None-Match` header's tags, weak or not, is that of `digest`, or the header is `*`. */
export function ifNoneMatch(header: string | undefined, digest: Digest): boolean {
  if (header === undefined) return false;
  return header.split(',').some((item) => {
    const tag = item.trim();
    const opaque = tag.startsWith('W/') ? tag.slice(2) : tag;
    // Bare digests are no entity tags, but distribution takes them too.
    return opaque === '*' || opaque === digest || opaque === entityTag(digest);
  });
}

export function entityTag(digest: Digest): string {
  return `"${digest}"`;
}
