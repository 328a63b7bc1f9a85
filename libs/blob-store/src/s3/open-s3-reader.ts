// Reads one blob, or one range of it, from the socket into the caller's buffers. Bytes that the caller does not read
// yet stay on the S3 server. If the connection breaks, or the pool closes it for another reader, a new GET continues at
// the position.
import { endedEarly } from '@cistern/streams';
import { type ByteRange, type Digest, parseContentRange } from '@cistern/oci';
import type { BlobReader } from '../blob-store.ts';
import { checkRange, type Interval, readableBytes } from '../check-range.ts';
import type { BodyResponse } from './create-body-transport.ts';
import { contentLength } from './create-s3-objects.ts';
import type { S3Bucket } from './s3-bucket.ts';
import { codeOf } from './s3-error.ts';

const doing = 'read a blob';

/** Returns `undefined` if the blob does not exist. Rejects with `range-unsatisfiable` and `store-unavailable`. */
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
    return createReader(bucket, { ...object, size, ...checkRange(object.digest, size, range) }, first);
  } catch (error) {
    first.response.destroy();
    throw error;
  }

  async function refuse(): Promise<undefined> {
    const found = await bucket.attemptIfPresent(doing, async () => bucket.prompt.statObject(bucket.name, object.name));
    if (found === undefined) return undefined;
    checkRange(object.digest, found.size, range);
    throw bucket.failure(doing, new Error('the S3 server rejects a range that is inside the object'));
  }
}

interface Body {
  readonly response: BodyResponse;
  /** Size of the whole object in bytes. */
  readonly size: number;
}

interface Extent extends Interval {
  readonly digest: Digest;
  readonly name: string;
  readonly size: number;
}

function createReader(bucket: S3Bucket, { digest, name, size, start, endExclusive }: Extent, first: Body): BlobReader {
  let position = start;
  let body: BodyResponse | undefined = start === endExclusive ? undefined : first.response;
  /**
   * Position at which the current body starts. A body that breaks at this position has delivered no bytes, so the read
   * fails and no further GET is sent.
   */
  let bodyStart = start;
  let closed = false;

  return {
    size,
    start,
    endExclusive,
    async read(into) {
      const wanted = readableBytes(into, position, endExclusive);
      checkOpen();
      if (wanted === 0) return 0;
      for (;;) {
        const from = body ?? (await resume());
        try {
          const length = await from.read(into.subarray(0, wanted));
          checkOpen();
          if (length === 0) throw endedEarly();
          position += length;
          // The whole body is read, so its connection is in the pool again and must not be destroyed.
          if (position === endExclusive) body = undefined;
          return length;
        } catch (error) {
          from.destroy();
          body = undefined;
          checkOpen();
          if (codeOf(error) === 'UNREAD') continue;
          if (codeOf(error) === 'SILENT' || position === bodyStart) throw bucket.failure(doing, error);
        }
      }
    },
    async close() {
      closed = true;
      body?.destroy();
    },
  };

  async function resume(): Promise<BodyResponse> {
    const range = { start: position, end: endExclusive - 1 };
    const next = await bucket.attempt(doing, async () => getBody(bucket, name, range));
    body = next.response;
    bodyStart = position;
    checkOpen();
    if (next.size === size) return body;
    body.destroy();
    body = undefined;
    throw bucket.failure(doing, new Error(`${digest} has ${next.size} instead of ${size} bytes now`));
  }

  function checkOpen(): void {
    if (!closed) return;
    body?.destroy();
    throw new Error('the blob reader is closed');
  }
}

async function getBody({ bodies, name: bucketName }: S3Bucket, name: string, range?: ByteRange): Promise<Body> {
  const length = range === undefined ? 0 : range.end - range.start + 1;
  const answer: unknown = await bodies.getPartialObject(bucketName, name, range?.start ?? 0, length);
  const response = answer as BodyResponse;
  const size = range === undefined ? contentLength(response) : sizeFrom(response, range);
  if (Number.isSafeInteger(size)) return { response, size };
  response.destroy();
  throw new Error(
    `a GET of ${range === undefined ? 'a blob' : 'a range'} got status ${response.statusCode} and wrong length headers`,
  );
}

/**
 * Returns the size of the whole object from the response to a range. Returns NaN if the response does not start at the
 * requested position, or if its headers contradict each other.
 */
function sizeFrom(response: BodyResponse, requested: ByteRange): number {
  const { range, size = Number.NaN } = parseContentRange(response.headers['content-range']) ?? {};
  if (range?.start !== requested.start || contentLength(response) !== range.end - range.start + 1) return Number.NaN;
  return size;
}

function isRange({ start, end }: ByteRange): boolean {
  return Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start <= end;
}
