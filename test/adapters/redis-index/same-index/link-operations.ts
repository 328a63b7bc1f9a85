// Operations on links, and on the repositories that have links.
import { isDeepStrictEqual } from 'node:util';
import type { Link } from '@cistern/index';
import fc from 'fast-check';
import { operation, type Operations } from './operation.ts';
import { digest, limit, mediaType, repository, repositoryKey, size, upstream } from './samples.ts';

const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const fields = fc.record({
  digest,
  kind: fc.constantFrom('blob' as const, 'manifest' as const),
  size: optional(size),
  mediaType: optional(mediaType),
  platform: optional(fc.constantFrom('linux/amd64', '')),
  confirmed: optional(fc.boolean()),
});
const links = fc.tuple(repositoryKey, fc.array(fields, { maxLength: 3 }));
const after = fc.constantFrom(undefined, '', 'docker.io/library/app', 'quay.io', '\u00fc');

export const linkOperations: Operations = {
  'links.get': operation([repositoryKey, digest], ({ index }, ...given) => index.links.get(...given)),
  'links.put': operation([links], ({ index }, [key, put]) => index.links.put(key, of(key, put)), 4),
  /** The index rejects the whole call. */
  'links.put of two repositories': operation(
    [links, links],
    ({ index }, [key, put], [other, stray]) => index.links.put(key, [...of(key, put), ...of(other, stray)]),
    1,
  ),
  'links.remove': operation([repositoryKey, digest], ({ index }, ...given) => index.links.remove(...given)),
  'links.holders': operation([fc.array(upstream, { maxLength: 3 }), repository, digest], ({ index }, ...given) =>
    index.links.holders(...given),
  ),
  'links.digests': operation([repositoryKey], async ({ index }, key) => (await index.links.digests(key)).toSorted()),
  'links.repositories': operation([fc.record({ after, limit })], ({ index }, page) => index.links.repositories(page)),
  'links.fromMemory': operation([repositoryKey, digest], async ({ index }, ...given) => {
    const read = await index.links.get(...given);
    const remembered = index.links.fromMemory(...given);
    return remembered === undefined || isDeepStrictEqual(remembered, read);
  }),
};

function of(key: Pick<Link, 'upstream' | 'repository'>, given: readonly Omit<Link, keyof typeof key>[]): Link[] {
  return given.map((link) => ({ ...key, ...link }));
}
