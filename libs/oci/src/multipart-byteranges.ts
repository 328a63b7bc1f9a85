// The frame of a multipart/byteranges 206, as in RFC 9110 section 14.6, computed before any byte of the blob is read so
// that the answer can be streamed and yet carry a Content-Length.
import type { ByteRange } from './byte-range.ts';
import { formatContentRange } from './content-range.ts';

export interface MultipartByteranges {
  /** The value of the answer's own `Content-Type`. */
  readonly contentType: string;
  /** Exact bytes of the body: every header, every range, the end. */
  readonly contentLength: number;
  /** To be sent in this order: `header`, then the bytes of `range`. */
  readonly parts: readonly { readonly header: Buffer; readonly range: ByteRange }[];
  readonly end: Buffer;
}

/**
 * `contentType` is that of the whole blob. `boundary` must not occur in the blob: let it be random, of at most 70 letters
 * and digits.
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
