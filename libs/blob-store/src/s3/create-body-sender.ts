// Sends PUT requests whose bodies are streams, so that a whole part or object is never in memory. Each attempt opens a
// new stream.
import { createHash } from 'node:crypto';
import { addAbortSignal, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { BlobBody } from '../blob-store.ts';
import { readBody } from '../read-body.ts';
import { createSlots } from './create-slots.ts';
import type { S3Bucket } from './s3-bucket.ts';

interface SentBody {
  /** Phrase for errors, such as "write a blob"; see `S3Bucket.attempt`. */
  readonly doing: string;
  /** S3 key of the object. */
  readonly name: string;
  readonly query?: string;
  readonly body: BlobBody;
  readonly signal?: AbortSignal | undefined;
}

/** Resolves to the ETag. Rejects with `store-unavailable`, `BodyFailure` or the reason of `signal`. */
export type SendBody = (sent: SentBody) => Promise<string>;

/**
 * Limit on concurrently sent bodies, for all blobs together. A silent S3 server cannot block this work forever, because
 * each attempt times out and then lets the next one start.
 */
const bodiesAtOnce = 32;

export function createBodySender(bucket: S3Bucket): SendBody {
  const inSlot = createSlots(bodiesAtOnce);
  return async (sent) => {
    const { doing, body, signal } = sent;
    const sha256 = bucket.signsBodies ? (body.sha256 ?? (await hashBody(body, signal))) : '';
    return bucket.attempt(doing, () => inSlot(() => sendOnce(bucket, sent, sha256), signal));
  };
}

async function hashBody(body: BlobBody, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of readBody(body, signal)) hash.update(chunk);
  return hash.digest('hex');
}

async function sendOnce(bucket: S3Bucket, { name, query, body, signal }: SentBody, sha256: string): Promise<string> {
  const stream = new BodyStream(body, signal);
  // `minio` listens for errors of the stream only after it has sent the request. An unheard error would end the
  // process.
  stream.on('error', () => {});
  if (signal !== undefined) addAbortSignal(signal, stream);
  const headers = { 'content-type': 'application/octet-stream', 'content-length': `${body.length}` };
  const target = { method: 'PUT', bucketName: bucket.name, objectName: name, headers };
  try {
    const request = query === undefined ? target : { ...target, query };
    const response = await bucket.client.makeRequestStreamAsync(request, stream, sha256, [200], '');
    await buffer(response);
    if (stream.left > 0) throw new Error('the S3 server stored the body before all bytes were sent');
    return (response.headers.etag ?? '').replace(/^"|"$/g, '');
  } finally {
    stream.destroy();
  }
}

/**
 * Turns `readBody` into a Node stream. The stream ends in the same step in which it delivers its last bytes. Otherwise
 * the response could arrive before the request has ended, and Node would then close the connection.
 */
class BodyStream extends Readable {
  /** Number of bytes that are not pushed to the stream yet. */
  left: number;
  readonly #chunks: AsyncGenerator<Uint8Array>;

  constructor(body: BlobBody, signal: AbortSignal | undefined) {
    super();
    this.left = body.length;
    this.#chunks = readBody(body, signal);
  }

  override _read(): void {
    void this.#pushNext();
  }

  async #pushNext(): Promise<void> {
    try {
      const { done, value } = await this.#chunks.next();
      if (done !== true) {
        this.left -= value.byteLength;
        this.push(value);
      }
      if (this.left === 0) this.push(null);
    } catch (error) {
      this.destroy(error as Error);
    }
  }

  async #endBody(): Promise<void> {
    // This error is ignored: the attempt has already succeeded, or its caller has its error.
    await this.#chunks.return(undefined).catch(() => {});
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    // Does not wait for `#endBody`, because `return` of a body that waits for bytes may never resolve.
    void this.#endBody();
    done(error);
  }
}
