// Begins an upload whose segments are regions of one file in the spool directory. The complete file becomes the blob.
import { type FileHandle, open, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import type { BlobUpload, BlobUploadOptions } from '../blob-store.ts';
import { createUpload } from '../create-upload.ts';
import { readBody } from '../read-body.ts';
import type { FileCalls } from './store-error.ts';

/**
 * `path` must be an empty file. `place` turns the file into the blob; it is called again if the caller repeats
 * `complete`. No other process can resume the upload, because nothing records which regions of a file were written.
 */
export function beginFsUpload(
  { attempt }: FileCalls,
  { path, place, ...options }: BlobUploadOptions & { readonly path: string; readonly place: () => Promise<void> },
): BlobUpload {
  return createUpload(options, {
    id: basename(path),
    async put(number, body, signal) {
      await attempt('write a blob', async () => {
        await using file = await open(path, 'r+');
        let at = number * options.segmentBytes;
        for await (const chunk of readBody(body, signal)) {
          await writeAt(file, chunk, at);
          at += chunk.byteLength;
        }
        await file.datasync();
      });
    },
    complete: () => attempt('commit a blob', place),
    drop: () => attempt('remove an unfinished blob', () => rm(path, { force: true })),
  });
}

async function writeAt(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength;)
    done += (await file.write(bytes, done, bytes.byteLength - done, position + done)).bytesWritten;
}
