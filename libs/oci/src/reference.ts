// Tags and references, as in the OCI distribution specification, "Pulling manifests".
import { type Digest, parseDigest } from './digest.ts';
import { OciSyntaxError } from './syntax-error.ts';

/** A valid tag of at most 128 characters; made only by `parseTag`. */
export type Tag = string & { readonly __brand: 'Tag' };

export type Reference =
  | { readonly kind: 'tag'; readonly tag: Tag }
  | { readonly kind: 'digest'; readonly digest: Digest };

const tagPattern = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

/** Throws `OciSyntaxError` TAG_INVALID. */
export function parseTag(value: string): Tag {
  if (tagPattern.test(value)) return value as Tag;
  throw new OciSyntaxError('TAG_INVALID', `"${value.slice(0, 140)}" is not a valid tag`);
}

/** A value with a `:` is a digest (a tag cannot hold one). Throws `OciSyntaxError` DIGEST_INVALID or TAG_INVALID. */
export function parseReference(value: string): Reference {
  return value.includes(':') ? { kind: 'digest', digest: parseDigest(value) } : { kind: 'tag', tag: parseTag(value) };
}
