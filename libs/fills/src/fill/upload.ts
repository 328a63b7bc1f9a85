// Brings a fill's bytes into a store that has no filesystem of its own: part by part while the body arrives, visible only
// after verification.
import type { BlobStore } from '@cistern/blob-store';
import type { Digest } from '@cistern/oci';
import type { FillBody } from './fill-body.ts';
import { SourceInterrupted } from '@cistern/streams';

const readBytes = 1024 * 1024;

/** Resolves when the blob is committed; rejects, with nothing left behind, if the fill fails or moves, or the store fails. */
export async function upload(store: BlobStore, digest: Digest, body: FillBody): Promise<void> {
  const writer = await store.begin(digest);
  try {
    const buffer = Buffer.allocUnsafe(Math.min(readBytes, body.size));
    for (let position = 0; position < body.size;) {
      if (body.moved) throw new SourceInterrupted('somebody else goes on with the fill');
      const present = body.presentEnd(position) - position;
      if (present === 0) {
        await body.changeAt(position);
        continue;
      }
      const length = await body.spool.read(position, buffer.subarray(0, Math.min(present, buffer.length)));
      await writer.append(buffer.subarray(0, length));
      position += length;
    }
    while (!body.verified) {
      if (body.moved) throw new SourceInterrupted('somebody else goes on with the fill');
      body.presentEnd(0);
      await body.changeAt(0);
    }
    await writer.commit();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}
