// Blob records from the store's listing. Nobody here knows any more whose bytes they are, so each is verified when it is next
// read whole; that a manifest names it proves nothing, for other caches' manifests do too.
import { adoptBlob, adoptedRecord, isEmptied } from '@cistern/content';
import { forEachBounded } from '@cistern/runtime';
import type { RebuildStep } from './rebuild-index.ts';

const atOnce = 32;

export async function rebuildBlobs({ index, store, now, signal, progress }: RebuildStep): Promise<void> {
  await forEachBounded(store.list(), { atOnce, signal }, async (blob) => {
    progress.blobs += 1;
    if (isEmptied(blob.digest, blob.size)) return;
    if (await adoptBlob({ index, store }, adoptedRecord(blob, now()))) progress.blobsAdded += 1;
  });
}
