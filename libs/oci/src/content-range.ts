// The `Content-Range` header, as in RFC 9110 section 14.4: written for clients, and read to check an upstream's 206.
import type { ByteRange } from './byte-range.ts';

export interface ContentRange {
  /** `undefined` in the answer to an unsatisfiable range. */
  readonly range: ByteRange | undefined;
  /** Bytes of the whole; `undefined` where the server says `*`. */
  readonly size: number | undefined;
}

const contentRange = /^bytes (?:(\d+)-(\d+)|\*)\/(?:(\d+)|\*)$/i;

/** `range` is `undefined` for the 416 of an unsatisfiable range. */
export function formatContentRange(range: ByteRange | undefined, size: number): string {
  return range === undefined ? `bytes */${size}` : `bytes ${range.start}-${range.end}/${size}`;
}

/** `undefined` for a value that is missing, malformed, contradicts itself, or holds numbers beyond 2^53 - 1. */
export function parseContentRange(value: string | undefined): ContentRange | undefined {
  const match = contentRange.exec(value ?? '');
  if (match === null) return undefined;
  const [start, end, size] = [match[1], match[2], match[3]].map((digits) =>
    digits === undefined ? undefined : Number(digits),
  );
  if (![start, end, size].every((number) => number === undefined || Number.isSafeInteger(number))) return undefined;
  if (start === undefined || end === undefined) return size === undefined ? undefined : { range: undefined, size };
  if (start > end || (size !== undefined && end >= size)) return undefined;
  return { range: { start, end }, size };
}
