// One blob on its way into the bucket: by one PUT if it is small, else part by part while it arrives, and in both cases
// visible only once it is committed.
import type { BlobWriter } from '../blob-store.ts';
import type { PartBudget, PartBuffer } from './create-part-budget.ts';
import { beginMultipartUpload, type MultipartUpload } from './multipart-upload.ts';
import type { S3Bucket } from './s3-bucket.ts';
import { codeOf } from './s3-error.ts';

export interface S3WriterOptions {
  readonly bucket: S3Bucket;
  /** The object's full name. */
  readonly name: string;
  readonly budget: PartBudget;
  /** Ids of the unfinished uploads of this process. */
  readonly uploads: Set<string>;
  /** Called for an upload that could not be dropped. */
  readonly onLeftBehind: (error: unknown) => void;
}

/** Manifests and configurations stay below it: these go without a reservation. */
const freeBytes = 64 * 1024;
const maxPartsUnderWay = 4;

/** Blobs of less go up by one PUT. */
const firstPartBytes = 8 * 1024 * 1024;
const partsOfOneSize = 2500;
const maxParts = 10_000;

export function beginS3Writer(options: S3WriterOptions): BlobWriter {
  const { bucket, name, budget } = options;
  const ending = new AbortController();
  const parts = createPartSender(options);
  let small = Buffer.alloc(0);
  let part: PartBuffer | undefined;
  let filled = 0;
  let dropping: Promise<void> | undefined;

  function checkOngoing(): void {
    if (ending.signal.aborted) throw new Error('the blob writer has ended');
    parts.throwFailure();
  }

  async function startPart(): Promise<PartBuffer> {
    await parts.whenRoom();
    checkOngoing();
    const taken = await budget.take(partSize(parts.sent + 1), ending.signal);
    filled = small.copy(taken.bytes);
    small = Buffer.alloc(0);
    return taken;
  }

  function releasePart(): void {
    part?.release();
    part = undefined;
  }

  function drop(): Promise<void> {
    releasePart();
    return parts.drop();
  }

  async function commitParts(): Promise<void> {
    try {
      if (part !== undefined && filled > 0) parts.send(part, filled);
      await parts.complete();
    } catch (error) {
      // Completed by a request whose answer was lost, or ended because another writer of these bytes was first.
      if (codeOf(error) !== 'NoSuchUpload' || !(await isThere(bucket, name, parts.bytes))) throw error;
      await drop();
    }
  }

  return {
    async append(chunk) {
      checkOngoing();
      if (part === undefined && parts.sent === 0 && small.byteLength + chunk.byteLength <= freeBytes) {
        small = Buffer.concat([small, chunk]);
        return;
      }
      for (let at = 0; at < chunk.byteLength;) {
        part ??= await startPart();
        if (ending.signal.aborted) releasePart();
        checkOngoing();
        const taken = Math.min(chunk.byteLength - at, part.bytes.byteLength - filled);
        part.bytes.set(chunk.subarray(at, at + taken), filled);
        at += taken;
        filled += taken;
        if (filled < part.bytes.byteLength) continue;
        parts.send(part, filled);
        part = undefined;
      }
    },
    async commit() {
      checkOngoing();
      ending.abort(new Error('the blob writer has ended'));
      try {
        if (parts.sent > 0) await commitParts();
        else await putWhole(bucket, name, part?.bytes.subarray(0, filled) ?? small);
        releasePart();
      } catch (error) {
        dropping = drop();
        throw error;
      }
    },
    async abort() {
      if (!ending.signal.aborted) {
        ending.abort(new Error('the blob writer has ended'));
        dropping = drop();
      }
      await dropping;
    },
  };
}

/** The parts of one upload, sent in the background, some of them at once. */
function createPartSender({ bucket, name, uploads, onLeftBehind }: S3WriterOptions) {
  const underWay = new Set<Promise<void>>();
  let upload: Promise<MultipartUpload> | undefined;
  let sent = 0;
  let bytes = 0;
  let failure: { readonly error: unknown } | undefined;

  function throwFailure(): void {
    if (failure !== undefined) throw failure.error;
  }

  return {
    get sent() {
      return sent;
    },
    get bytes() {
      return bytes;
    },
    throwFailure,
    async whenRoom(): Promise<void> {
      while (underWay.size >= maxPartsUnderWay) await Promise.race(underWay);
    },
    /** Releases the part when the server has taken it. Never throws: see `throwFailure`. */
    send(part: PartBuffer, length: number): void {
      sent += 1;
      bytes += length;
      const number = sent;
      upload ??= beginMultipartUpload(bucket, name, uploads);
      const sending = upload
        .then(async (begun) => begun.send(number, part.bytes.subarray(0, length)))
        .catch((error: unknown) => {
          failure ??= { error };
        })
        .finally(() => {
          part.release();
          underWay.delete(sending);
        });
      underWay.add(sending);
    },
    async complete(): Promise<void> {
      await Promise.all(underWay);
      throwFailure();
      await (await upload)?.complete();
    },
    /** Waits for the parts that are under way: one that arrives after the upload was aborted may stay behind. Never rejects. */
    async drop(): Promise<void> {
      await Promise.all(underWay);
      const begun = await upload?.catch(() => undefined);
      if (begun === undefined) return;
      try {
        await begun.abort();
      } catch (error) {
        onLeftBehind(error);
      }
    },
  };
}

/**
 * The size of the part with this number, counted from 1. S3 allows 10,000 of them, and a writer does not know how long its blob
 * will be: they start small and double later on. Cloudflare's R2 wants equal parts, which holds for blobs of up to 20 GiB. Throws
 * `RangeError` beyond the last one, after 293 GiB.
 */
export function partSize(number: number): number {
  if (number > maxParts) throw new RangeError('the blob has more bytes than 10,000 parts can hold (293 GiB)');
  return firstPartBytes * 2 ** Math.floor((number - 1) / partsOfOneSize);
}

/** As `putObject`, without its MD5 of every byte beside the signature's SHA-256, or TLS. */
async function putWhole(bucket: S3Bucket, name: string, bytes: Buffer): Promise<void> {
  await bucket.attempt('commit a blob', async () => {
    const headers = { 'content-type': 'application/octet-stream' };
    const request = { method: 'PUT', bucketName: bucket.name, objectName: name, headers } as const;
    await bucket.client.makeRequestAsyncOmit(request, bytes);
  });
}

async function isThere(bucket: S3Bucket, name: string, size: number): Promise<boolean> {
  const found = await bucket.attemptIfPresent('commit a blob', async () => bucket.client.statObject(bucket.name, name));
  return found?.size === size;
}
