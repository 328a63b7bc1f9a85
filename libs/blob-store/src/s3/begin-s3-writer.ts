// One blob on its way into the bucket: by one PUT if it is small, else part by part while it arrives, and in both cases
// visible only once it is committed.
import type { BlobWriter } from '../blob-store.ts';
import type { PartBudget, PartBuffer } from './create-part-budget.ts';
import { beginMultipartUpload, type MultipartUpload } from './multipart-upload.ts';
import { partSize } from './part-size.ts';
import type { S3Bucket } from './s3-bucket.ts';
import { codeOf } from './s3-error.ts';

export interface S3WriterOptions {
  readonly bucket: S3Bucket;
  /** The object's full name. */
  readonly name: string;
  readonly budget: PartBudget;
  /** Ids of the unfinished uploads of this process. */
  readonly uploads: Set<string>;
  /** Told of an upload that could not be dropped now, and how it can be. */
  readonly onLeftBehind: (drop: () => Promise<void>, error: unknown) => void;
}

/** What manifests and configurations stay below: these go without a reservation. */
const freeBytes = 64 * 1024;
const maxPartsUnderWay = 4;

export function beginS3Writer(options: S3WriterOptions): BlobWriter {
  const { bucket, name, budget, uploads, onLeftBehind } = options;
  const ending = new AbortController();
  const underWay = new Set<Promise<void>>();
  let upload: Promise<MultipartUpload> | undefined;
  let small = Buffer.alloc(0);
  let part: PartBuffer | undefined;
  let filled = 0;
  let sentParts = 0;
  let sentBytes = 0;
  let failure: { readonly error: unknown } | undefined;
  let dropping: Promise<void> | undefined;

  function checkOngoing(): void {
    if (ending.signal.aborted) throw new Error('the blob writer has ended');
    if (failure !== undefined) throw failure.error;
  }

  async function startPart(): Promise<PartBuffer> {
    while (underWay.size >= maxPartsUnderWay) await Promise.race(underWay);
    checkOngoing();
    const taken = await budget.take(partSize(sentParts + 1), ending.signal);
    filled = small.copy(taken.bytes);
    small = Buffer.alloc(0);
    return taken;
  }

  /** Gives the part to the server, in the background; it never rejects. */
  function send(sending: PartBuffer, length: number): void {
    sentParts += 1;
    sentBytes += length;
    const number = sentParts;
    upload ??= beginMultipartUpload(bucket, name, uploads);
    const sent = upload
      .then(async (begun) => begun.send(number, sending.bytes.subarray(0, length)))
      .catch((error: unknown) => {
        failure ??= { error };
      })
      .finally(() => {
        sending.release();
        underWay.delete(sent);
      });
    underWay.add(sent);
  }

  function releasePart(): void {
    part?.release();
    part = undefined;
  }

  /** Waits for what is under way: a part that arrives after the upload was aborted may stay behind. */
  async function drop(): Promise<void> {
    releasePart();
    await Promise.all(underWay);
    const begun = await upload?.catch(() => undefined);
    if (begun === undefined) return;
    try {
      await begun.abort();
    } catch (error) {
      onLeftBehind(begun.abort, error);
    }
  }

  /** As `putObject`, without its MD5 of every byte beside the signature's SHA-256, or TLS. */
  async function commitWhole(bytes: Buffer): Promise<void> {
    await bucket.attempt('commit a blob', async () => {
      const headers = { 'content-type': 'application/octet-stream' };
      const request = { method: 'PUT', bucketName: bucket.name, objectName: name, headers } as const;
      await bucket.client.makeRequestAsyncOmit(request, bytes);
    });
  }

  async function commitParts(begun: Promise<MultipartUpload>): Promise<void> {
    try {
      if (part !== undefined && filled > 0) send(part, filled);
      await Promise.all(underWay);
      if (failure !== undefined) throw failure.error;
      await (await begun).complete();
    } catch (error) {
      // Completed by a request whose answer was lost, or ended because another writer of these bytes was first.
      if (codeOf(error) !== 'NoSuchUpload' || !(await isThere())) throw error;
      await drop();
    }
  }

  async function isThere(): Promise<boolean> {
    const found = await bucket.attemptIfPresent('commit a blob', async () =>
      bucket.client.statObject(bucket.name, name),
    );
    return found?.size === sentBytes;
  }

  return {
    async append(chunk) {
      checkOngoing();
      if (part === undefined && sentParts === 0 && small.byteLength + chunk.byteLength <= freeBytes) {
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
        send(part, filled);
        part = undefined;
      }
    },
    async commit() {
      checkOngoing();
      ending.abort(new Error('the blob writer has ended'));
      try {
        if (upload === undefined) await commitWhole(part?.bytes.subarray(0, filled) ?? small);
        else await commitParts(upload);
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
