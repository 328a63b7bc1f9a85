// Reads one blob, or one range of it, from the socket into the caller's buffers: what nobody asks for stays with the
// server. A body that breaks off is taken up where it ended.
import type { IncomingMessage } from 'node:http';
import { type ByteRange, type Digest, parseContentRange } from '@cistern/oci';
import type { BlobReader } from '../blob-store.ts';
import { checkRange } from '../check-range.ts';
import { contentLength, untilReadable } from './read-body.ts';
import type { S3Bucket } from './s3-bucket.ts';
import { codeOf } from './s3-error.ts';

const doing = 'read a blob';

/** `undefined`: not there. Rejects with `range-unsatisfiable` and `store-unavailable`. */
export async function openS3Reader(
  bucket: S3Bucket,
  object: { readonly digest: Digest; readonly name: string },
  range: ByteRange | undefined,
): Promise<BlobReader | undefined> {
  if (range !== undefined && !isRange(range)) return refuse();
  let first: Body | undefined;
  try {
    first = await bucket.attemptIfPresent(doing, async () => getBody(bucket, object.name, range));
  } catch (error) {
    if (range === undefined || codeOf(error) !== 'InvalidRange') throw error;
    return refuse();
  }
  if (first === undefined) return undefined;
  const { size } = first;
  try {
    const { start, endExclusive } = checkRange(object.digest, size, range);
    return createReader(bucket, { ...object, size, start, endExclusive }, first);
  } catch (error) {
    first.stream.destroy();
    throw error;
  }

  async function refuse(): Promise<undefined> {
    const found = await bucket.attemptIfPresent(doing, async () => bucket.prompt.statObject(bucket.name, object.name));
    if (found === undefined) return undefined;
    checkRange(object.digest, found.size, range);
    throw bucket.failure(doing, new Error('it refuses a range that lies inside the object'));
  }
}

interface Body {
  readonly stream: IncomingMessage;
  /** Of the whole object. */
  readonly size: number;
}

interface Extent {
  readonly digest: Digest;
  readonly name: string;
  readonly size: number;
  readonly start: number;
  readonly endExclusive: number;
}

function createReader(bucket: S3Bucket, { digest, name, size, start, endExclusive }: Extent, first: Body): BlobReader {
  let position = start;
  let stream: IncomingMessage | undefined = first.stream;
  /** Where the present body began: one that brought nothing is not worth another. */
  let streamStart = start;
  let closed = false;
  if (start === endExclusive) finish();

  return {
    size,
    start,
    endExclusive,
    async read(into) {
      if (into.byteLength === 0) throw new RangeError('the buffer to read into is empty');
      checkOpen();
      const wanted = Math.min(into.byteLength, endExclusive - position);
      if (wanted === 0) return 0;
      for (;;) {
        const body = stream ?? (await takeUp());
        try {
          await untilReadable(body, bucket.promptMs);
          checkOpen();
          return take(body, into.subarray(0, wanted));
        } catch (error) {
          body.destroy();
          stream = undefined;
          checkOpen();
          if (codeOf(error) === 'SILENT' || position === streamStart) throw bucket.failure(doing, error);
        }
      }
    },
    async close() {
      closed = true;
      stream?.destroy();
    },
  };

  /** Copies what is there already and says how much, at least one byte. */
  function take(body: IncomingMessage, into: Uint8Array): number {
    let filled = 0;
    while (filled < into.byteLength && body.readableLength > 0) {
      const chunk = body.read(Math.min(into.byteLength - filled, body.readableLength)) as Buffer;
      into.set(chunk, filled);
      filled += chunk.byteLength;
    }
    position += filled;
    if (position === endExclusive) finish();
    return filled;
  }

  /** Lets the connection go back to its pool: nothing but the end of the answer is left on it. */
  function finish(): void {
    stream?.resume();
    stream = undefined;
  }

  async function takeUp(): Promise<IncomingMessage> {
    const range = { start: position, end: endExclusive - 1 };
    const body = await bucket.attempt(doing, async () => getBody(bucket, name, range));
    stream = body.stream;
    streamStart = position;
    checkOpen();
    if (body.size !== size) {
      body.stream.destroy();
      stream = undefined;
      throw bucket.failure(doing, new Error(`${digest} has ${body.size} instead of ${size} bytes now`));
    }
    return body.stream;
  }

  function checkOpen(): void {
    if (!closed) return;
    stream?.destroy();
    throw new Error('the blob reader is closed');
  }
}

async function getBody({ bodies, name: bucketName }: S3Bucket, name: string, range?: ByteRange): Promise<Body> {
  const length = range === undefined ? 0 : range.end - range.start + 1;
  const stream = (await bodies.getPartialObject(bucketName, name, range?.start ?? 0, length)) as IncomingMessage;
  // From here on the socket may rest while nobody reads, and what breaks meanwhile is seen by the next read.
  stream.setTimeout(0);
  stream.on('error', () => {});
  const size = range === undefined ? contentLength(stream) : sizeBehind(stream, range);
  if (Number.isSafeInteger(size)) return { stream, size };
  stream.destroy();
  throw new Error(
    `it answered ${range === undefined ? 'a blob' : 'a range'} with ${stream.statusCode} and wrong headers`,
  );
}

/** Of the whole object, from the answer to a range; NaN if that is not what was asked for. */
function sizeBehind(stream: IncomingMessage, asked: ByteRange): number {
  const { range, size = Number.NaN } = parseContentRange(stream.headers['content-range']) ?? {};
  if (range?.start !== asked.start || contentLength(stream) !== range.end - range.start + 1) return Number.NaN;
  return size;
}

function isRange({ start, end }: ByteRange): boolean {
  return Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start <= end;
}
