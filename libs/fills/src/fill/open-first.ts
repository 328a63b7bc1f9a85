// The first upstream request of a fill, and the size of the blob: from the manifest that names it, upstream's answer, or upstream's
// HEAD. They must agree.
import { CacheError } from '@cistern/errors';
import type { BlobRequestOptions, UpstreamBlobBody } from '@cistern/upstream';
import { isNoRange } from '../fetch/fetch-errors.ts';
import { nearBytesOf } from '../spool/segments.ts';
import type { FillOptions } from './fill-options.ts';

export interface FirstAnswer {
  /** Unset means that the body's own end decides. */
  readonly size: number | undefined;
  /** The body to go on with; absent when the size is known. */
  readonly first: UpstreamBlobBody | undefined;
  /** Set if `first` brings just this range. */
  readonly range: { readonly from: number; readonly toExclusive: number } | undefined;
}

/** The range that is fetched first, and by itself. */
export function firstRange(options: FillOptions) {
  const { from, toExclusive, expectedSize, takenOverSize, maxWholeForRangeBytes, spools } = options;
  if (expectedSize === undefined || toExclusive === undefined || takenOverSize !== undefined) return undefined;
  const far = from > nearBytesOf(spools.segmentBytesOf(expectedSize));
  const tooLarge = expectedSize > maxWholeForRangeBytes && toExclusive - from < expectedSize / 2;
  if (from >= expectedSize || !(far || tooLarge)) return undefined;
  return { from, toExclusive: Math.min(toExclusive, expectedSize) };
}

export async function openFirst(options: FillOptions): Promise<FirstAnswer> {
  const { upstream, repository, digest, takenOverSize, signal } = options;
  if (takenOverSize !== undefined) return { range: undefined, first: undefined, size: takenOverSize };
  const get = (range: BlobRequestOptions) => upstream.getBlob(repository, digest, { ...range, signal });
  const range = firstRange(options);
  try {
    if (range !== undefined) return { range, ...sized(options, await get(range)) };
  } catch (error) {
    if (!isNoRange(error)) throw error;
  }
  const { first, size } = sized(options, await get({}));
  return { range: undefined, first, size: size ?? (await headSize(options)) };
}

function sized({ expectedSize, upstream, digest }: FillOptions, first: UpstreamBlobBody) {
  const { totalSize } = first;
  if (totalSize === undefined || expectedSize === undefined || totalSize === expectedSize)
    return { first, size: totalSize ?? expectedSize };
  first.close();
  throw new CacheError(
    'content-mismatch',
    `Upstream ${upstream.name} says that ${digest} has ${totalSize} bytes, its manifest says ${expectedSize}.`,
    { retryable: true },
  );
}

/** `undefined` where a registry refuses HEAD or says no length. */
function headSize({ upstream, repository, digest, signal }: FillOptions): Promise<number | undefined> {
  return upstream.headBlob(repository, digest, { signal }).catch(() => undefined);
}
