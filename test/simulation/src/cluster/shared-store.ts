// The store that all processes of a simulated cluster share. It is in memory, behind calls that are events, or an S3 server or
// a directory, which each process uses by the product's own adapter.
import type { BlobStore } from '@cistern/blob-store';
import type { Digest } from '@cistern/oci';
import { createMemoryContents, createMemoryStore } from '@cistern/blob-store/memory';
import { openS3Store } from '@cistern/blob-store/s3';
import { type SimulatedS3, startSimulatedS3 } from '../s3/start-simulated-s3.ts';
import type { Random } from '../world/random.ts';
import { type RemoteLink, asRemote } from './remote-part.ts';
import { createDirectory } from './shared-directory.ts';
import { type StoredBlobs, memoryBlobs, s3Blobs } from './stored-blobs.ts';
import { watchCommits } from './watch-commits.ts';

export interface SharedStore {
  readonly stored: StoredBlobs;
  /** Where that is the store. */
  readonly s3: SimulatedS3 | undefined;
  /** Called when a process hears that a blob is committed: whether it is there, whole. */
  onCommitted: ((digest: Digest, isThere: boolean) => void) | undefined;
  /** Called in the process that uses it. */
  open(link: RemoteLink): Promise<OpenedStore>;
}

interface OpenedStore {
  readonly store: BlobStore;
  close(): Promise<void>;
}

const bucket = 'cistern';

export function createSharedMemory(): SharedStore {
  const contents = createMemoryContents();
  const store = createMemoryStore({ contents });
  return watched({
    stored: memoryBlobs(contents),
    s3: undefined,
    open: async (link) => ({ store: asRemote(store, link, 'store'), async close() {} }),
  });
}

/** `random` decides what the server's faults hit. */
export async function startSharedS3(random: Random): Promise<SharedStore> {
  const s3 = await startSimulatedS3(random);
  // The segments of a run are small.
  s3.contents.minPartBytes = 1;
  return watched({
    stored: s3Blobs(s3.contents, bucket),
    s3,
    open: () => opened(openBucket(s3.endpoint)),
  });
}

/** `fails` is asked before each operation on a file of the store. */
export function createSharedFiles(fails: () => boolean): SharedStore {
  const { stored, open } = createDirectory(fails);
  return watched({ stored, s3: undefined, open: () => opened(open()) });
}

function watched(shared: Omit<SharedStore, 'onCommitted'>): SharedStore {
  const onCommitted = (digest: Digest, isThere: boolean) => all.onCommitted?.(digest, isThere);
  const all: SharedStore = {
    ...shared,
    onCommitted: undefined,
    async open(link) {
      const { store, close } = await shared.open(link);
      return { store: watchCommits(store, shared.stored, onCommitted), close };
    },
  };
  return all;
}

async function opened(opening: Promise<BlobStore>): Promise<OpenedStore> {
  const store = await opening;
  return { store, close: async () => store.close() };
}

function openBucket(endpoint: string) {
  return openS3Store({
    endpoint,
    region: 'us-east-1',
    accessKey: 'access',
    secretKey: 'secret',
    bucket,
    rootDirectory: '',
    pathStyle: true,
    createBucket: true,
    log: { warn() {} },
    now: Date.now,
  });
}
