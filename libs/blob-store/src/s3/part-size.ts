// How large a part is. S3 allows 10,000 of them, and a writer does not know how long its blob will be: they start small and
// double later on. Cloudflare's R2 wants equal parts, which holds for blobs of up to 20 GiB.

/** Blobs of less go up by one PUT. */
const firstPartBytes = 8 * 1024 * 1024;

const partsOfOneSize = 2500;
const maxParts = 10_000;

/** Of the part with this number, counted from 1. Throws `RangeError` beyond the last one, after 293 GiB. */
export function partSize(number: number): number {
  if (number > maxParts) throw new RangeError('the blob has more bytes than 10,000 parts can hold (293 GiB)');
  return firstPartBytes * 2 ** Math.floor((number - 1) / partsOfOneSize);
}
