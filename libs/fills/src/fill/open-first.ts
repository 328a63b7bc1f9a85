// Sends the first upstream request of a fill and finds the size of the blob. The size comes from a manifest, from the response,
// or from a HEAD request. If both the manifest and the response give a size, the sizes must be equal.
import { CacheError } from '@cistern/errors';
import type { BlobRequestOptions, UpstreamBlobBody } from '@cistern/upstream';
import { isNoRange } from '../fetch/fetch-errors.ts';
import { nearBytesOf } from '../spool/segments.ts';
import type { FillOptions } from './fill-options.ts';

export interface FirstAnswer {
  /** Size of the blob. Unset means that it is known only when the body has ended. */
  readonly size: number | undefined;
  /** The body of the request. Unset if no request was necessary, because the size was taken over from an earlier fill. */
  readonly first: UpstreamBlobBody | undefined;
  /** Set if `first` contains only this range. */
  readonly range: { readonly from: number; readonly toExclusive: number } | undefined;
}

/** Returns the range to fetch first, without the rest of the blob. `undefined` means that the fill begins with the whole blob. */
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
    `Upstream ${upstream.name} reports that ${digest} has ${totalSize} bytes, but its manifest says ${expectedSize}.`,
    { retryable: true },
  );
}

/** Resolves to `undefined` if the HEAD request fails or its response has no length. */
function headSize({ upstream, repository, digest, signal }: FillOptions): Promise<number | undefined> {
  return upstream.headBlob(repository, digest, { signal }).catch(() => undefined);
}
