// Operations on tags. Their pulls are buffered in memory.
import { isDeepStrictEqual } from 'node:util';
import type { TagKey, TagRecord } from '@cistern/index';
import { parseTag } from '@cistern/oci';
import fc from 'fast-check';
import { operation, type Operations } from './operation.ts';
import { digest, limit, mediaType, repository, repositoryKey, size, time, upstream } from './samples.ts';

export const tags = ['a', 'B', 'a.b'].map(parseTag);
const key: fc.Arbitrary<TagKey> = fc
  .tuple(repositoryKey, fc.constantFrom(...tags))
  .map(([of, tag]) => ({ ...of, tag }));
const pulls = fc.constantFrom(0, 3, 12);

const record: fc.Arbitrary<TagRecord> = fc
  .tuple(
    key,
    fc.record({
      digest,
      mediaType,
      size,
      sequence: fc.constantFrom(1, 2),
      firstSeenAtMs: time,
      changedAtMs: time,
      checkedAtMs: time,
      lastPulledAtMs: time,
      pulls,
      lastTriedAtMs: time,
      lastFailure: fc.constantFrom(undefined, 'timeout', ''),
      origin: fc.constantFrom('upstream' as const, 'adopted' as const),
      warning: fc.constantFrom(undefined, '299 - "gone soon"'),
    }),
  )
  .map(([of, fields]) => ({ schema: 1, ...of, ...fields }));
const after = fc.constantFrom(undefined, '', 'B', 'a', 'z', '\u00fc');

export const tagOperations: Operations = {
  'tags.get': operation([key], ({ index }, of) => index.tags.get(of)),
  'tags.put': operation([record], ({ index }, put) => index.tags.put(put), 4),
  'tags.replace': operation(
    [fc.constantFrom('as it is' as const, 'absent' as const, 'as it will be' as const), record],
    async ({ index }, before, put) => {
      const known = { absent: undefined, 'as it will be': put, 'as it is': await index.tags.get(put) }[before];
      return index.tags.replace(known, put);
    },
    4,
  ),
  'tags.adopt': operation([record], ({ index }, adopted) => index.tags.adopt(adopted)),
  'tags.remove': operation(
    [fc.constantFrom('any' as const, 'as it is' as const, 'as it was' as const), record],
    async ({ index }, seen, of) => {
      const expected = { any: undefined, 'as it is': await index.tags.get(of), 'as it was': of }[seen];
      return index.tags.remove(of, expected);
    },
  ),
  'tags.recordPull': operation(
    [key, time, fc.constantFrom(undefined, 1, 5)],
    ({ index }, of, atMs, count) => index.tags.recordPull(of, atMs, count),
    4,
  ),
  'tags.list': operation([upstream, repository, fc.record({ after, limit })], ({ index }, ...given) =>
    index.tags.list(...given),
  ),
  /** A cached record must match the stored one, apart from its pulls. */
  'tags.fromMemory': operation([key], async ({ index }, of) => {
    const read = await index.tags.get(of);
    const remembered = index.tags.fromMemory(of);
    if (remembered === undefined) return true;
    return isDeepStrictEqual({ ...remembered, pulls: read?.pulls, lastPulledAtMs: read?.lastPulledAtMs }, read);
  }),
};
