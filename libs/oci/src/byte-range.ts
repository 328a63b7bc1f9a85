// Byte ranges by RFC 9110, section 14: the `Range` of a request, the `Content-Range` of a response, and the multipart body for
// several ranges.

/** Both ends are inclusive: `start <= end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export type RangeAnswer =
  | { readonly kind: 'whole' }
  | { readonly kind: 'ranges'; readonly ranges: readonly ByteRange[] }
  | { readonly kind: 'unsatisfiable' };

const whole: RangeAnswer = { kind: 'whole' };
const unsatisfiable: RangeAnswer = { kind: 'unsatisfiable' };

// The largest number of ranges that podman requests of a zstd:chunked layer. Its ranges ascend and do not overlap, so one pass
// over the blob serves all.
const maxAscendingRanges = 1024;
const maxOtherRanges = 16;

/** If two ranges are at most this far apart, one read that includes the gap costs the store less than two reads. */
const nearBytes = 32 * 1024;
/**
 * A request with at most this many reads is always served, because podman requests a few bytes at a hundred places of a layer. If
 * there are more reads, they must return `bytesOfARead` each, on average.
 */
const freeReads = 128;
const bytesOfARead = 64 * 1024;

const rangeSpec = /^[ \t]*(\d*)-(\d*)[ \t]*$/;

/**
 * Decides the response to a `Range` header on a blob of `size` bytes. `ranges` is never empty, and in the requested order.
 *
 * A server may ignore any `Range` (RFC 9110, 14.2). `whole` means that the header is ignored. This happens if the header is
 * malformed or has another unit. It happens if the blob is empty, because some clients always send `bytes=0-`, and a 206 cannot
 * be empty. It also prevents abuse (17.15): ranges that overlap, more than 16 ranges that do not ascend, or more than 1024
 * ranges. The same holds for more than 128 reads with less than 64 KiB each on average. A range that ends before it begins
 * (14.1.1) may be ignored or rejected. It is rejected, because the conformance suite of the distribution specification expects
 * that.
 */
export function parseRangeHeader(header: string | undefined, size: number): RangeAnswer {
  if (header === undefined || size === 0 || header.slice(0, 6).toLowerCase() !== 'bytes=') return whole;
  const ranges: ByteRange[] = [];
  let count = 0;
  let ascending = true;
  let previousEnd = -1;
  for (const spec of header.slice(6).split(',')) {
    const range = parseRangeSpec(spec, size);
    if (range === 'empty') continue;
    if (range === 'malformed') return whole;
    if (range === 'reversed') return unsatisfiable;
    count += 1;
    if (range === 'unsatisfiable') continue;
    ascending &&= range.start > previousEnd;
    previousEnd = range.end;
    ranges.push(range);
  }
  if (count === 0 || count > (ascending ? maxAscendingRanges : maxOtherRanges)) return whole;
  if (ranges.length === 0) return unsatisfiable;
  return (!ascending && overlap(ranges)) || isTooCostly(ranges) ? whole : { kind: 'ranges', ranges };
}

/**
 * Groups neighbours in `ranges` if each begins shortly after the end of the one before it, so that one read serves each group.
 */
export function groupNearRanges(ranges: readonly ByteRange[]): readonly (readonly ByteRange[])[] {
  const groups: ByteRange[][] = [];
  let previousEnd = Infinity;
  for (const range of ranges) {
    const gap = range.start - previousEnd - 1;
    if (gap >= 0 && gap <= nearBytes) groups.at(-1)?.push(range);
    else groups.push([range]);
    previousEnd = range.end;
  }
  return groups;
}

function overlap(ranges: readonly ByteRange[]): boolean {
  const sorted = [...ranges].sort((a, b) => a.start - b.start);
  return sorted.some(({ start }, index) => start <= (sorted[index - 1]?.end ?? -1));
}

function isTooCostly(ranges: readonly ByteRange[]): boolean {
  if (ranges.length <= freeReads) return false;
  const bytes = ranges.reduce((sum, { start, end }) => sum + end - start + 1, 0);
  return groupNearRanges(ranges).length > Math.max(freeReads, bytes / bytesOfARead);
}

function parseRangeSpec(spec: string, size: number): ByteRange | 'empty' | 'malformed' | 'reversed' | 'unsatisfiable' {
  const match = rangeSpec.exec(spec);
  // A list in a header may have empty elements (RFC 9110, 5.6.1.2).
  if (match === null) return /^[ \t]*$/.test(spec) ? 'empty' : 'malformed';
  const [, first = '', last = ''] = match;
  if (first === '') {
    if (last === '') return 'malformed';
    const suffixLength = Number(last);
    return suffixLength === 0 ? 'unsatisfiable' : { start: Math.max(0, size - suffixLength), end: size - 1 };
  }
  const start = Number(first);
  const end = last === '' ? Infinity : Number(last);
  if (end < start) return 'reversed';
  return start >= size ? 'unsatisfiable' : { start, end: Math.min(end, size - 1) };
}

/** The `Content-Range` header (section 14.4). It is sent to clients, and parsed to check a 206 from an upstream. */
export interface ContentRange {
  /** Unset in the response to an unsatisfiable range. */
  readonly range: ByteRange | undefined;
  /** Size of the whole blob. Unset if the server sends `*`. */
  readonly size: number | undefined;
}

const contentRange = /^bytes (?:(\d+)-(\d+)|\*)\/(?:(\d+)|\*)$/i;

/** Formats a `Content-Range`. An `undefined` range means that the response is a 416. */
export function formatContentRange(range: ByteRange | undefined, size: number): string {
  return range === undefined ? `bytes */${size}` : `bytes ${range.start}-${range.end}/${size}`;
}

/** Parses a `Content-Range`. Returns `undefined` if it is missing, malformed or inconsistent, or has numbers above 2^53 - 1. */
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

export interface MultipartByteranges {
  /** The value for the response's `Content-Type` header. */
  readonly contentType: string;
  /** Exact size of the body in bytes: all headers, all ranges and `end`. */
  readonly contentLength: number;
  /** For each part, the caller sends `header` and then the bytes of `range`. */
  readonly parts: readonly { readonly header: Buffer; readonly range: ByteRange }[];
  readonly end: Buffer;
}

/**
 * Builds everything in the body of a multipart/byteranges 206 (section 14.6) except the blob's bytes. So the response can be
 * streamed and still have a Content-Length. `contentType` is the media type of the whole blob. `boundary` must not occur in the
 * blob, so it should be random, with at most 70 letters and digits.
 */
export function multipartByteranges(
  ranges: readonly ByteRange[],
  size: number,
  contentType: string,
  boundary: string,
): MultipartByteranges {
  const parts = ranges.map((range, index) => ({
    header: Buffer.from(
      `${index === 0 ? '' : '\r\n'}--${boundary}\r\n` +
        `Content-Type: ${contentType}\r\nContent-Range: ${formatContentRange(range, size)}\r\n\r\n`,
      'latin1',
    ),
    range,
  }));
  const end = Buffer.from(`\r\n--${boundary}--\r\n`, 'latin1');
  const contentLength = parts.reduce(
    (sum, { header, range }) => sum + header.length + (range.end - range.start + 1),
    end.length,
  );
  return { contentType: `multipart/byteranges; boundary=${boundary}`, contentLength, parts, end };
}
