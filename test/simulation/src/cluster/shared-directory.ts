// A directory that is the store of all processes of a simulated cluster. They use it through the product's own adapter.
import { openFsStore } from '@cistern/blob-store/fs';
import type { BlobStore } from '@cistern/blob-store';
import type { Digest } from '@cistern/oci';
import { disk, fileError, fileSystem, simulatedRoot } from '../world/files/file-system.ts';
import { isRight } from './right-bytes.ts';
import { type StoredBlobs, createLosses, digestOfKey, keyOf } from './stored-blobs.ts';

const root = `${simulatedRoot}/store`;

const pathOf = (digest: Digest) => `${root}/${keyOf(digest)}`;

function get(digest: Digest): Uint8Array | undefined {
  const inode = disk.find(pathOf(digest));
  return inode && inode.bytes.subarray(0, inode.size);
}

/** Must be called only once per world. `fails` is called before each operation on a file in the directory. */
export function createDirectory(fails: () => boolean): { stored: StoredBlobs; open(): Promise<BlobStore> } {
  const losses = createLosses();
  fileSystem.onOperation = (operation, path) => {
    if (!path.startsWith(root)) return;
    if (fails()) throw fileError('EIO', operation, path);
    const digest = operation === 'unlink' || operation === 'rename' ? digestOfKey(path) : undefined;
    if (digest !== undefined) losses.add(digest);
  };
  const stored: StoredBlobs = {
    get,
    isWhole: (digest) => isRight(digest, get(digest)),
    lossesOf: losses.of,
    entries: () =>
      disk.list(root, true).flatMap((path) => {
        const digest = digestOfKey(path);
        return digest === undefined ? [] : [[digest, get(digest)!] as const];
      }),
    damage(digest, bytes) {
      losses.add(digest);
      const inode = disk.find(pathOf(digest));
      if (inode === undefined) return;
      if (bytes === undefined) disk.remove(pathOf(digest));
      else Object.assign(inode, { bytes: Buffer.from(bytes), size: bytes.length });
    },
    watch() {},
    unfinished: 0,
  };
  return { stored, open: () => openFsStore({ root, log: { warn() {} } }) };
}
